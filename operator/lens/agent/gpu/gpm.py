"""How busy GPU instances are, by the counters of Hopper and later (GPM).

Two samples of the counters, over 100 ms apart, give the share of the time between them in which the
instance computed (NVML_GPM_METRIC_GRAPHICS_UTIL, DCGM's GR_ENGINE_ACTIVE). A sample and its evaluation took
1.2 ms on an H100, so not every round has one.
"""

from typing import Any, NamedTuple

import pynvml

from lens.agent.gpu.nvml import OUT_OF_RANGE, Reading, error_name, percent

PERIOD_SECONDS = 15.0
LEAST_SECONDS = 0.1

NOT_SUPPORTED = "NOT_SUPPORTED"
NOT_YET = "NOT_YET"


class Measured(NamedTuple):
    """How busy a GPU instance was, or why that is unknown."""

    percent: float | None = None
    window_seconds: float | None = None
    reason: str | None = NOT_YET


class GpmReader:
    """Measure the GPU instances of one GPU from one time to the next."""

    def __init__(self) -> None:
        """Start with no sample."""
        self.latest: dict[int, Measured] = {}
        self._samples: dict[int, tuple[Any, float]] = {}
        self._supported = False

    def begin(self, handle: Any, instances: set[int]) -> None:
        """Measure these GPU instances from now on; let go of what there is of others."""
        self.latest = {each: self.latest.get(each, Measured()) for each in instances}
        for gone in self._samples.keys() - instances:
            _free(self._samples.pop(gone)[0])
        support = Reading().get("support", pynvml.nvmlGpmQueryDeviceSupport, handle) if instances else None
        self._supported = support is not None and bool(support.isSupportedDevice)

    def read(self, handle: Any, now: float) -> dict[int, Measured]:
        """Return how busy each instance was when it was last measured; measure those whose time has come."""
        for instance in self.latest:
            if not self._supported:
                self.latest[instance] = Measured(reason=NOT_SUPPORTED)
            elif self._is_due(instance, now):
                self.latest[instance] = self._measure(handle, instance, now)
        return self.latest

    def _is_due(self, instance: int, now: float) -> bool:
        sample = self._samples.get(instance)
        if sample is None:
            return True
        since = now - sample[1]
        waiting = self.latest[instance].reason == NOT_YET and since > LEAST_SECONDS
        return waiting or not 0 <= since < PERIOD_SECONDS

    def _measure(self, handle: Any, instance: int, now: float) -> Measured:
        reading = Reading()
        sample = reading.get("sample", pynvml.nvmlGpmSampleAlloc)
        if sample is None:
            return Measured(reason=reading.reasons["sample"])
        if reading.get("sample", pynvml.nvmlGpmMigSampleGet, handle, instance, sample) is None:
            _free(sample)
            return Measured(reason=reading.reasons["sample"])
        before, since = self._samples.pop(instance, (None, now))
        self._samples[instance] = sample, now
        if before is None:
            return Measured()
        result = _evaluate(before, sample, now - since) if now - since > LEAST_SECONDS else Measured()
        _free(before)
        return result


def _evaluate(first: Any, second: Any, seconds: float) -> Measured:
    reading, request = Reading(), pynvml.c_nvmlGpmMetricsGet_t()
    request.version = pynvml.NVML_GPM_METRICS_GET_VERSION
    request.numMetrics = 1
    request.sample1, request.sample2 = first, second
    request.metrics[0].metricId = pynvml.NVML_GPM_METRIC_GRAPHICS_UTIL
    if reading.get("metrics", pynvml.nvmlGpmMetricsGet, request) is None:
        return Measured(reason=reading.reasons["metrics"])
    metric = request.metrics[0]
    if metric.nvmlReturn != pynvml.NVML_SUCCESS:
        return Measured(reason=error_name(metric.nvmlReturn))
    share = percent(metric.value)
    return Measured(reason=OUT_OF_RANGE) if share is None else Measured(share, round(seconds, 3), None)


def _free(sample: Any) -> None:
    Reading().get("sample", pynvml.nvmlGpmSampleFree, sample)
