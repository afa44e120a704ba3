"""How busy a GPU was over a window, from the samples that the driver keeps.

The driver samples by itself (every 200 ms on an H100, 14 s of them kept), so nothing between two rounds is
missed. NOT_FOUND means that there is nothing new: some drivers stop sampling an idle GPU.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import pynvml

from lens.agent.gpu.nvml import OUT_OF_RANGE, Reading, percent
from lens.model.gpu.node_report import MOST_SECONDS

Source = Literal["samples", "rate", "instances"]


class Utilization(NamedTuple):
    """Percent of a window in which a kernel ran; no window for the driver's latest figure alone."""

    percent: float | None
    window_seconds: float | None
    source: Source | None


UNKNOWN = Utilization(None, None, None)


class Window(NamedTuple):
    """The mean of samples, the seconds that they cover, and the newest's timestamp in microseconds."""

    mean: float
    seconds: float
    newest: int


def window(samples: Iterable[tuple[int, int]], seen: int) -> Window | None:
    """Average (microseconds, percent) pairs that are newer than ``seen``.

    Samples over 100 % are no samples. None if none is left.
    """
    fresh = [(at, value) for at, value in samples if at > seen and value <= 100]
    if not fresh:
        return None
    newest = max(at for at, _ in fresh)
    mean = sum(value for _, value in fresh) / len(fresh)
    return Window(round(mean, 1), min(MOST_SECONDS, round((newest - seen) / 1e6, 3)), newest)


class UtilizationReader:
    """Read one GPU's utilization since the last time."""

    def __init__(self) -> None:
        """Start with no sample seen."""
        self._seen: int | None = None

    def read(self, reading: Reading, handle: Any) -> Utilization:
        """Return the utilization since the last reading, or the driver's latest figure without samples.

        What is in the buffer at first may be of long ago, so it only tells from where on samples are new;
        likewise after a time without any, which may be a clock that was set back.
        """
        fresh = None
        if self._seen is None:
            self._seen = max((at for at, _ in _samples(handle, 0)), default=None)
        else:
            fresh = window(_samples(handle, self._seen), self._seen)
            self._seen = None if fresh is None else fresh.newest
        if fresh is not None:
            return Utilization(fresh.mean, fresh.seconds, "samples")
        rates = reading.get("utilization_percent", pynvml.nvmlDeviceGetUtilizationRates, handle)
        if rates is None:
            return UNKNOWN
        latest = percent(rates.gpu)
        if latest is None:
            reading.refuse("utilization_percent", OUT_OF_RANGE)
            return UNKNOWN
        return Utilization(latest, None, "rate")


def _samples(handle: Any, seen: int) -> list[tuple[int, int]]:
    found = Reading().get(
        "samples", pynvml.nvmlDeviceGetSamples, handle, pynvml.NVML_GPU_UTILIZATION_SAMPLES, seen
    )
    return [] if found is None else [(each.timeStamp, each.sampleValue.uiVal) for each in found[1]]
