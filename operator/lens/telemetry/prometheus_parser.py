"""Parse the wanted lines of Prometheus' text format, as far as GPU exporters use it.

A line that can't be read costs itself, and the node's problem says how many there are.
prometheus_client's parser creates objects for all lines: it takes 10 ms for the default counters of 8 GPUs,
this parser 0.3 ms.
"""

import io
import re
from collections.abc import Callable, Mapping
from itertools import chain
from typing import NamedTuple

from lens.model.gpu.node_report import MAX_TEXT, Holder
from lens.telemetry.scrape_error import ScrapeError

MAX_LINE_BYTES = 8192
"""The most bytes of a wanted line."""

MAX_LINES = 2**18

MAX_SAMPLES = 2**13
"""The most wanted lines of a response. A GPU has some ten, and so has each of its instances."""

_IDENTITY = ("UUID", "uuid", "gpu", "pci_bus_id", "modelName", "GPU_I_ID", "GPU_I_PROFILE", "xid")
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
_HOLDER = {
    "pod": ("exported_pod", "pod", "pod_name"),
    "namespace": ("exported_namespace", "namespace", "pod_namespace"),
    "container": ("exported_container", "container", "container_name"),
}
"""The labels of a container, in order: Prometheus renames an exporter's to ``exported_``, and dcgm-exporter
has the last ones with ``--use-old-namespace``.
"""

_KEPT_LABELS: Mapping[str | None, str] = {
    **{name.upper(): name for name in (*_AMD, *_HOLDER)},
    **{name: name for name in (*_IDENTITY, *_AMD, *chain(*_HOLDER.values()))},
}
"""The labels that are kept, by their names, which the first versions of AMD's exporter write in capitals.

An exporter may add pods' own labels and annotations, which are dropped.
"""

NOT_EXPORTED = "NOT_EXPORTED"
MIB = 2**20

MAX_MIB = 2.0**30
"""The most memory of a GPU."""

OUT_OF_RANGE = "OUT_OF_RANGE"

# https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
_NAME_STARTS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:")
_SKIPPED = frozenset(b"#\n\r")
_BLANKS = frozenset(b" \t")
_BRACE = b"{"[0]
# Since Prometheus 3 a name may be in quotes, within the braces.
_QUOTED_NAME = re.compile(rb'\{\s*"((?:[^"\\]|\\.)*)"\s*(?:,|(?=\}))')
# A label's name may be any, and in quotes: only the kept ones have to be of the usual form.
_LABEL = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*"|([^\s=",{}]+))\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|\Z)')
_ESCAPED = re.compile(r"\\(.)")

Labels = Mapping[str, str]


class Sample(NamedTuple):
    """A line's metric, by the name that ``wanted`` returned, its labels, and its value."""

    metric: str
    labels: Labels
    value: float


class MalformedLineError(Exception):
    """A line can't be read."""


class Exposition:
    """A response's lines for whose metric ``wanted`` returns a name."""

    def __init__(self, body: bytes | bytearray, wanted: Callable[[bytes], str | None]) -> None:
        """Read nothing yet."""
        self._body = body
        self._wanted = wanted
        self._read = 0
        self.malformed_lines = 0

    def read(self, add: Callable[[Sample], object]) -> None:
        """Pass each sample to ``add``, which may raise MalformedLineError.

        Raise ScrapeError if the response is too large, or if lines are malformed and no other is wanted.
        """
        # A device's lines share their labels.
        known: dict[bytes, Labels] = {}
        for number, line in enumerate(io.BytesIO(self._body)):
            if number >= MAX_LINES:
                raise ScrapeError("invalid", f"answers more than {MAX_LINES} lines")
            if line[0] in _BLANKS:
                line = line.lstrip()
            if not line or line[0] in _SKIPPED:
                continue
            try:
                sample = self._sample(line, known)
                if sample is not None:
                    add(sample)
                    self._read += 1
            except MalformedLineError:
                self.malformed_lines += 1
            if self._read + self.malformed_lines > MAX_SAMPLES:
                raise ScrapeError("invalid", f"answers more than {MAX_SAMPLES} samples of GPUs")
        if self.malformed_lines and not self._read:
            raise ScrapeError("invalid", "answers garbage: no line of a GPU can be read")

    @property
    def problem(self) -> str | None:
        """Return how many lines can't be read, or None without any."""
        if not self.malformed_lines:
            return None
        return f"{self.malformed_lines} of {self._read + self.malformed_lines} lines can't be read"

    def _sample(self, line: bytes, known: dict[bytes, Labels]) -> Sample | None:
        """Parse a line; return None for one that isn't wanted. Raise MalformedLineError."""
        name, brace, rest = _divided(line)
        metric = self._wanted(name.rstrip() if brace else name.split()[0])
        if metric is None:
            return None
        if not brace or len(line) > MAX_LINE_BYTES:
            raise MalformedLineError
        pairs, _, tail = rest.rpartition(b"}")
        labels = known.get(pairs)
        if labels is None:
            labels = known[pairs] = _labels(pairs)
        return Sample(metric, labels, _value(tail))


def _divided(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the name, the brace and what follows, without a name in there. Raise MalformedLineError."""
    if line[0] == _BRACE and (quoted := _QUOTED_NAME.match(line)) is not None:
        return quoted[1], b"{", line[quoted.end() :]
    if line[0] not in _NAME_STARTS:
        raise MalformedLineError
    return line.partition(b"{")


def _labels(pairs: bytes) -> Labels:
    """Parse labels. A kept one that is longer than MAX_TEXT is as if it weren't there."""
    text = pairs.decode(errors="replace")
    labels: dict[str, str] = {}
    position = 0
    while label := _LABEL.match(text, position):
        name, value = label.groups()
        if (kept := _KEPT_LABELS.get(name)) is not None and len(value) <= MAX_TEXT:
            labels[kept] = _ESCAPED.sub(_unescaped, value) if "\\" in value else value
        position = label.end()
    if text[position:].strip():
        raise MalformedLineError
    return labels


def _value(tail: bytes) -> float:
    """Parse what follows the labels: the value and an optional timestamp."""
    parts = tail.split()
    # Python's numbers may have underscores, and the format's may not.
    if not 1 <= len(parts) <= 2 or b"_" in tail:
        raise MalformedLineError
    try:
        value, *_ = map(float, parts)
    except ValueError:
        raise MalformedLineError from None
    return value


def _unescaped(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]


def number(labels: Labels, name: str) -> int:
    """Return the number that a label has. Raise MalformedLineError."""
    text = labels.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise MalformedLineError
    return int(text)


def holder(labels: Labels, gpu_uuid: str, instance_uuid: str | None) -> Holder | None:
    """Return the container that a line names."""
    pod, namespace, container = (next(filter(None, map(labels.get, names)), "") for names in _HOLDER.values())
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
    """The values of one device, checked for their range; ``reasons`` says why a field is None."""

    def __init__(self) -> None:
        """Start without values."""
        self._values: dict[str, float] = {}
        self.reasons: dict[str, str] = {}
        self.out_of_range = False

    def set(self, metric: str, value: float) -> None:
        """Set a metric's value."""
        self._values[metric] = value

    def first(self, *metrics: str, most: float, scale: float = 1.0) -> float | None:
        """Return the first present metric's value times ``scale``, if it is from 0 to ``most``."""
        for metric in metrics:
            if metric in self._values:
                value = self._values[metric] * scale
                if 0 <= value <= most:  # NaN doesn't
                    return value
                self.out_of_range = True
                return None
        return None

    def first_above_zero(self, field: str, *metrics: str, most: float) -> float | None:
        """Return the first value above 0 of a field's metrics, of which a device lacks some.

        An exporter may have 0, or the largest number of some bits, for those. Else keep the reason.
        """
        given = [self._values[metric] for metric in metrics if metric in self._values]
        for value in given:
            if 0 < value <= most:
                return value
        is_out_of_range = any(value != 0 for value in given)
        self.out_of_range |= is_out_of_range
        self.reasons[field] = OUT_OF_RANGE if is_out_of_range else NOT_EXPORTED
        return None

    def missing_reason(self, *metrics: str) -> str:
        """Return the reason why none of the metrics has a value."""
        return OUT_OF_RANGE if any(metric in self._values for metric in metrics) else NOT_EXPORTED

    def field_value(self, field: str, *metrics: str, most: float) -> float | None:
        """Return the first present metric's value for a field, or keep the reason if there is none."""
        value = self.first(*metrics, most=most)
        if value is None:
            self.reasons[field] = self.missing_reason(*metrics)
        return value
