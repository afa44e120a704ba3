"""Read Prometheus' text format, as far as exporters of GPUs use it: the lines that are wanted, and no others.

prometheus_client's parser makes objects of all that is there: it takes 10 ms for the default counters of 8
GPUs, and this 0.3 ms.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from lens.model.gpu.node_report import MOST_TEXT, Holder
from lens.telemetry.refusal import RefusedError
from lens.telemetry.targets import Target

LONGEST_LINE = 8192
"""Bytes of a line that is read."""

MOST_LINES = 2**18

MOST_SERIES = 2**13
"""Lines of an answer that are wanted: a GPU has some ten, and so has each of its instances."""

_IDENTITY = ("UUID", "uuid", "gpu", "modelName", "GPU_I_ID", "GPU_I_PROFILE", "Hostname", "hostname")
_AMD = (
    "gpu_uuid",
    "gpu_id",
    "serial_number",
    "card_series",
    "card_model",
    "gpu_partition_id",
    "gpu_compute_partition_type",
    "gpu_memory_partition_type",
)
_HOLDER = ("pod", "namespace", "container", "exported_pod", "exported_namespace", "exported_container")
_KEPT_LABELS = frozenset((*_IDENTITY, *_AMD, *_HOLDER))
"""The labels that are read: pods' own labels and annotations, which an exporter may add, are not."""

NOT_EXPORTED = "NOT_EXPORTED"
OUT_OF_RANGE = "OUT_OF_RANGE"

LOOPBACK = frozenset(("localhost", "127.0.0.1"))

# https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
_NAME_STARTS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:")
_SKIPPED = frozenset(b"#\n\r \t")
_LABEL = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|\Z)')
_ESCAPED = re.compile(r"\\(.)")

Labels = Mapping[str, str]


class Sample(NamedTuple):
    """A line: the metric by the name that it is wanted under, its labels, and its value."""

    metric: str
    labels: Labels
    value: float


def samples(body: bytes | bytearray, wanted: Callable[[bytes], str | None]) -> Iterator[Sample]:
    """Go through the lines whose metric ``wanted`` gives a name to. Raise RefusedError."""
    # A device has the same labels on each of its lines.
    known: dict[bytes, Labels] = {}
    series = 0
    for number, line in enumerate(io.BytesIO(body)):
        if number >= MOST_LINES:
            raise RefusedError("invalid", f"answers more than {MOST_LINES} lines")
        if line[0] not in _NAME_STARTS:
            if line[0] in _SKIPPED:
                continue
            raise _garbage()
        name, _, rest = line.partition(b"{")
        metric = wanted(name)
        if metric is not None:
            series += 1
            if series > MOST_SERIES:
                raise RefusedError("invalid", f"answers more than {MOST_SERIES} samples of GPUs")
            if len(line) > LONGEST_LINE:
                raise RefusedError("invalid", f"answers a line of more than {LONGEST_LINE} bytes")
            pairs, _, tail = rest.rpartition(b"}")
            labels = known.get(pairs)
            if labels is None:
                labels = known[pairs] = _labels(pairs)
            yield Sample(metric, labels, _value(tail))


def _labels(pairs: bytes) -> Labels:
    try:
        text = pairs.decode()
    except UnicodeDecodeError:
        raise _garbage() from None
    labels: dict[str, str] = {}
    place = 0
    while label := _LABEL.match(text, place):
        value = label[2]
        if len(value) > MOST_TEXT:
            raise RefusedError("invalid", f"answers a label of more than {MOST_TEXT} characters")
        if label[1] in _KEPT_LABELS:
            labels[label[1]] = _ESCAPED.sub(_unescaped, value) if "\\" in value else value
        place = label.end()
    if place != len(text):
        raise _garbage()
    return labels


def _value(tail: bytes) -> float:
    """Read what follows the labels: the value and, perhaps, its time."""
    parts = tail.split()
    try:
        return float(parts[0])
    except (IndexError, ValueError):
        raise _garbage() from None


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def _garbage() -> RefusedError:
    return RefusedError("invalid", "answers garbage: not Prometheus' text format")


def check_host(labels: Labels, target: Target) -> None:
    """Raise RefusedError if the exporter is another node's.

    It takes its node's name for its host name, or what the host calls itself, which may have a domain more or
    less, or what its pod is called, or where it reaches its host engine.
    """
    host = labels.get("Hostname") or labels.get("hostname") or ""
    node = target.node
    if host in ("", node, target.pod) or host in LOOPBACK:
        return
    if host.startswith(f"{node}.") or node.startswith(f"{host}."):
        return
    raise RefusedError("wrong_node", f"claims GPUs of another node: says that it is {host}")


def holder(labels: Labels, gpu_uuid: str, instance_uuid: str | None) -> Holder | None:
    """Return the container that a line names. What Prometheus has renamed goes before what it put there."""
    pod, namespace, container = (
        labels.get(f"exported_{name}") or labels.get(name, "") for name in ("pod", "namespace", "container")
    )
    if not pod or not namespace:
        return None
    return Holder(
        namespace=namespace,
        pod=pod,
        container=container,
        resource="",
        device_id="",
        gpu_uuid=gpu_uuid,
        instance_uuid=instance_uuid,
    )


class Values:
    """The values of one device, each in its range; ``reasons`` says why one of them is None."""

    def __init__(self) -> None:
        """Start with none."""
        self._values: dict[str, float] = {}
        self.reasons: dict[str, str] = {}
        self.doubtful = False

    def put(self, metric: str, value: float) -> None:
        """Keep a metric's value."""
        self._values[metric] = value

    def first(self, *metrics: str, most: float, scale: float = 1.0) -> float | None:
        """Return the first of the metrics that there is, times ``scale``, if it lies from 0 to ``most``."""
        for metric in metrics:
            if metric in self._values:
                value = self._values[metric] * scale
                if 0 <= value <= most:  # NaN doesn't
                    return value
                self.doubtful = True
                return None
        return None

    def why_not(self, *metrics: str) -> str:
        """Return why none of the metrics gives a value."""
        return OUT_OF_RANGE if any(metric in self._values for metric in metrics) else NOT_EXPORTED

    def take(self, field: str, *metrics: str, most: float) -> float | None:
        """Return the first of the metrics as a field's value; keep the reason if there is none."""
        value = self.first(*metrics, most=most)
        if value is None:
            self.reasons[field] = self.why_not(*metrics)
        return value
