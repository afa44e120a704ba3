"""Write Prometheus' text format, 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/.

prometheus-client can't write dcgm-exporter's names, which are on the same page: it enforces that a counter
ends in ``_total``. Not importing it also saves its memory.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, object]
Sample = tuple[Labels, float | bool | None]


class MetricFamily(NamedTuple):
    """A metric and its samples. A sample with the value None is left out."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    samples: Iterable[Sample]


def render(families: Iterable[MetricFamily]) -> bytes:
    """Return metric families as text. A family without samples is left out."""
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
