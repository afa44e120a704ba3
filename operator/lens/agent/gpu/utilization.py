"""Read a GPU's utilization over a window from the driver's buffer of samples.

The driver samples by itself (on an H100 every 200 ms, and keeps 14 s), so no load between two rounds is
missed. NOT_FOUND means that there are no new samples: some drivers stop sampling an idle GPU.
"""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import pynvml

from lens.agent.gpu.nvml import OUT_OF_RANGE, NvmlQuery, valid_percent
from lens.model.gpu.node_report import MAX_SECONDS

Source = Literal["samples", "rate", "instances"]


class Utilization(NamedTuple):
    """The percentage of a window in which a kernel ran. The driver's current rate has no window."""

    percent: float | None
    window_seconds: float | None
    source: Source | None


UNKNOWN = Utilization(None, None, None)


class SampleMean(NamedTuple):
    """The mean of samples, the seconds that they cover, and the newest timestamp in microseconds."""

    mean: float
    seconds: float
    newest: int


def mean_since(samples: Iterable[tuple[int, int]], since: int) -> SampleMean | None:
    """Return the mean of the (microseconds, percent) pairs that are newer than ``since``.

    Samples over 100 % are ignored. Return None if no sample is left.
    """
    fresh = [(at, value) for at, value in samples if at > since and value <= 100]
    if not fresh:
        return None
    newest = max(at for at, _ in fresh)
    mean = sum(value for _, value in fresh) / len(fresh)
    return SampleMean(round(mean, 1), min(MAX_SECONDS, round((newest - since) / 1e6, 3)), newest)


class UtilizationReader:
    """Read one GPU's utilization since the last call."""

    def __init__(self) -> None:
        """Start without samples."""
        self._last_timestamp: int | None = None

    def read(self, query: NvmlQuery, handle: Any) -> Utilization:
        """Return the mean since the last call, or the driver's current rate without new samples.

        The first call may find old samples in the buffer, so it only sets the timestamp from which samples
        count. So does a call after one without samples, since the clock may have been set back.
        """
        fresh = None
        if self._last_timestamp is None:
            self._last_timestamp = max((at for at, _ in _samples(handle, 0)), default=None)
        else:
            fresh = mean_since(_samples(handle, self._last_timestamp), self._last_timestamp)
            self._last_timestamp = None if fresh is None else fresh.newest
        if fresh is not None:
            return Utilization(fresh.mean, fresh.seconds, "samples")
        rates = query.get("utilization_percent", pynvml.nvmlDeviceGetUtilizationRates, handle)
        if rates is None:
            return UNKNOWN
        latest = valid_percent(rates.gpu)
        if latest is None:
            query.set_reason("utilization_percent", OUT_OF_RANGE)
            return UNKNOWN
        return Utilization(latest, None, "rate")


def _samples(handle: Any, since: int) -> list[tuple[int, int]]:
    found = NvmlQuery().get(
        "samples", pynvml.nvmlDeviceGetSamples, handle, pynvml.NVML_GPU_UTILIZATION_SAMPLES, since
    )
    return [] if found is None else [(each.timeStamp, each.sampleValue.uiVal) for each in found[1]]
