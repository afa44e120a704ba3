"""The list of values in the chart's README, made from the comments of values.yaml."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from tests.chart.files import CHART

README = CHART / "README.md"
VALUES = CHART / "values.yaml"

_HEADING = "## Values\n"
_LONGEST_DEFAULT = 100


class Value(NamedTuple):
    """A key of values.yaml: its dotted path, what stands above it, and its default, None for a group."""

    path: str
    comment: str
    default: str | None


def readme() -> str:
    """Return the README: what is written by hand, and the values as they are now."""
    by_hand, _, _ = README.read_text().partition(_HEADING)
    return by_hand + _HEADING + "\n" + "\n".join(_tables()) + "\n"


def values() -> Iterator[Value]:
    """Go through all keys that have a comment, and those that should: the ones that are no group."""
    text = VALUES.read_text()
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    yield from _values(root, text.splitlines(), "")


def _values(group: yaml.MappingNode, lines: list[str], above: str) -> Iterator[Value]:
    for key, value in group.value:
        path = f"{above}{key.value}"
        comment = _comment(lines, key.start_mark.line, key.start_mark.column)
        inside = list(_values(value, lines, f"{path}.")) if isinstance(value, yaml.MappingNode) else []
        if any(each.comment for each in inside):
            yield Value(path, comment, None)
            yield from inside
        else:
            default = yaml.safe_load(yaml.serialize(value))
            yield Value(path, comment, json.dumps(default, ensure_ascii=False))


def _comment(lines: list[str], line: int, column: int) -> str:
    above: list[str] = []
    mark = " " * column + "# "
    while line > 0 and lines[line - 1].startswith(mark):
        line -= 1
        above.insert(0, lines[line].removeprefix(mark).strip())
    return " ".join(above)


def _tables() -> Iterator[str]:
    """Write a table for each group at the top, and one for the keys that are in none."""
    top: dict[str, list[Value]] = {}
    for value in values():
        top.setdefault(value.path.partition(".")[0], []).append(value)
    yield from _table([value for group in top.values() for value in group if len(group) == 1])
    for name, (head, *inside) in top.items():
        if inside:
            yield f"\n### `{name}`\n"
            if head.comment:
                yield f"{head.comment}\n"
            yield from _table(inside)


def _table(rows: list[Value]) -> Iterator[str]:
    yield "| value | default | |"
    yield "| --- | --- | --- |"
    for path, comment, default in rows:
        if default is not None and len(default) > _LONGEST_DEFAULT:
            shown = "see `values.yaml`"
        else:
            shown = f"`{default}`" if default not in (None, '""') else ""
        yield f"| `{path}` | {shown} | {comment} |"
