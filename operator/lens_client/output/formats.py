"""The formats of ``-o``, and documents written in them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from lens_client.exits import CommandError, UsageError
from lens_client.output import jsonpath, text
from lens_client.output.table import Row
from lens_client.output.view import View

PLAIN = ("json", "yaml", "name", "csv", "wide")
WITH_ARGUMENT = ("jsonpath", "custom-columns")


class CustomColumn(NamedTuple):
    """A column of ``-o custom-columns``."""

    heading: str
    path: jsonpath.Path


class Format(NamedTuple):
    """A format: ``table`` and ``wide`` are for people, all others for programs."""

    name: str
    template: jsonpath.Template = ()
    columns: tuple[CustomColumn, ...] = ()

    @property
    def is_table(self) -> bool:
        """Return whether it is a table of the command's own columns."""
        return self.name in ("table", "wide")


def parse(output: str | None, view: View) -> Format:
    """Return the format that ``-o`` names. Raise UsageError."""
    if output is None:
        return Format("table")
    name, equals, argument = output.partition("=")
    allowed = [each for each in (*PLAIN, *WITH_ARGUMENT) if each != "name" or view.name is not None]
    if name not in allowed or (equals and name in PLAIN):
        raise UsageError(f"-o {output}: no such format here; there are {', '.join(allowed)}")
    if name in PLAIN:
        return Format(name)
    if not argument:
        raise UsageError(f"-o {name} needs an argument: -o '{name}={_example(name, view)}'")
    try:
        if name == "jsonpath":
            return Format(name, template=jsonpath.parse(argument))
        return Format(name, columns=tuple(_custom_column(each) for each in argument.split(",")))
    except jsonpath.JsonPathError as error:
        raise UsageError(f"-o {name}: {error}") from None


def sort(rows: Sequence[Row], sort_by: str | None) -> Sequence[Row]:
    """Return rows by a field, those without it last; a leading - reverses. Raise UsageError."""
    if sort_by is None:
        return rows
    reverse = sort_by.startswith("-")
    try:
        path = jsonpath.parse_field(sort_by.removeprefix("-"))
        keys = [_sort_key(jsonpath.find(path, dict(row))) for row in rows]
    except jsonpath.JsonPathError as error:
        raise UsageError(f"--sort-by {sort_by}: {error}") from None
    if rows and all(key is None for key in keys):
        names = ", ".join(sorted({name for row in rows for name in row}))
        if not any(
            name in row for row in rows for name in (sort_by.strip("-.{}").split(".")[0].split("[")[0],)
        ):
            raise UsageError(f"--sort-by {sort_by}: no row has this field; there are {names}")
    known = [i for i, key in enumerate(keys) if key is not None]
    known.sort(key=lambda i: keys[i] or (0, 0, ""), reverse=reverse)
    return [rows[i] for i in (*known, *(i for i, key in enumerate(keys) if key is None))]


def document(form: Format, view: View, value: Any) -> str:
    """Return an answer in a format for programs. Raise CommandError."""
    if form.name == "json":
        return text.escape_json(json.dumps(value, ensure_ascii=False, indent=4)) + "\n"
    if form.name == "yaml":
        return _yaml(value)
    if form.name == "jsonpath":
        try:
            return jsonpath.render(form.template, value)
        except jsonpath.JsonPathError as error:
            raise CommandError(f"-o jsonpath: {error}") from None
    return rows(form, view, value[view.field] if view.field else [value])


def rows(form: Format, view: View, found: Iterable[Row], *, headings: bool = True) -> str:
    """Return rows as CSV, names or custom columns. Raise CommandError."""
    if form.name == "csv":
        from lens_client.output import csv_rows

        return (csv_rows.header(view.csv) if headings else "") + csv_rows.lines(view.csv, found)
    if form.name == "name":
        assert view.name is not None
        return "".join(f"{text.one_line(view.name(row))}\n" for row in found)
    try:
        lines = [[_custom_cell(column, row) for column in form.columns] for row in found]
    except jsonpath.JsonPathError as error:
        raise CommandError(f"-o custom-columns: {error}") from None
    if headings:
        lines.insert(0, [column.heading for column in form.columns])
    return aligned(lines)


def line(form: Format, view: View, row: Row) -> str:
    """Return one row of a watch, in a format for programs. Raise CommandError."""
    if form.name == "json":
        return text.escape_json(json.dumps(row, ensure_ascii=False)) + "\n"
    if form.name == "yaml":
        return "---\n" + _yaml(row)
    if form.name == "jsonpath":
        return document(form, view, row)
    return rows(form, view, [row], headings=False)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return lines of cells in columns, three spaces apart as kubectl's."""
    widths = [max(map(text.width, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "   ".join(
            cell if last == position else text.pad(cell, width)
            for position, (cell, width) in enumerate(zip(cells, widths, strict=True))
            for last in (len(cells) - 1,)
        )
        + "\n"
        for cells in lines
    )


def _example(name: str, view: View) -> str:
    field, first = view.field or "", view.csv[0]
    if name == "custom-columns":
        return f"{first.upper()}:.{first}"
    return f"{{.{field}[*].{first}}}" if field else f"{{.{first}}}"


def _custom_column(spec: str) -> CustomColumn:
    heading, colon, path = spec.partition(":")
    if not colon or not heading or not path:
        raise jsonpath.JsonPathError(
            f"unexpected custom-columns spec: {spec}, expected <header>:<json-path-expr>"
        )
    return CustomColumn(text.one_line(heading), jsonpath.parse_field(path))


def _custom_cell(column: CustomColumn, row: Row) -> str:
    found = jsonpath.find(column.path, row)
    return text.one_line(",".join(map(_go, found))) if found else "<none>"


def _go(value: Any) -> str:
    """Return a value as Go's %v, which custom columns have; numbers keep the API's digits."""
    if value is None:
        return "<nil>"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_go, value))}]"
    return value if isinstance(value, str) else json.dumps(value)


def _sort_key(found: Sequence[Any]) -> tuple[int, float, str] | None:
    if not found or found[0] is None:
        return None
    first = found[0]
    if isinstance(first, bool | int | float):
        return 0, float(first), ""
    return 1, 0.0, first if isinstance(first, str) else json.dumps(first, sort_keys=True)


def _yaml(value: Any) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

    def dump(allow_unicode: bool) -> str:
        written: str = yaml.dump(
            value, Dumper=dumper, sort_keys=False, allow_unicode=allow_unicode, width=1 << 20
        )
        return written

    written = dump(allow_unicode=True)
    return written if text.harmless(written) == written else dump(allow_unicode=False)
