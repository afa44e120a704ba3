"""Prometheus' text format, 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/.

It is written here because dcgm-exporter's names, which share the page, don't follow the rules that
prometheus-client enforces (a counter ends in ``_total``), and to spare its memory.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, object]
Sample = tuple[Labels, float | bool | None]


class Family(NamedTuple):
    """A metric and its samples; one whose value is None isn't there."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    samples: Iterable[Sample]


def write(families: Iterable[Family]) -> bytes:
    """Write families as text; one without samples is left out."""
    lines: list[str] = []
    for family in families:
        samples = [
            f"{family.name}{_labels(labels)} {_value(value)}"
            for labels, value in family.samples
            if value is not None
        ]
        if samples:
            lines.append(f"# HELP {family.name} {family.help}")
            lines.append(f"# TYPE {family.name} {family.kind}")
            lines += samples
    return "".join(f"{line}\n" for line in lines).encode()


def _labels(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_escaped(str(value))}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _value(value: float) -> str:
    return repr(int(value)) if value == int(value) else repr(value)
