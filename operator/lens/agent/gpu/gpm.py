"""Read the utilization of GPU instances from NVML's GPM counters, which Hopper and later GPUs have.

Two samples of the counters, more than 100 ms apart, give the share of the time between them in which the
instance computed (NVML_GPM_METRIC_GRAPHICS_UTIL, DCGM's GR_ENGINE_ACTIVE). A sample and its evaluation took
1.2 ms on an H100, so not every round takes one.
"""

from typing import Any, NamedTuple

import pynvml

from lens.agent.gpu.nvml import NOT_YET, OUT_OF_RANGE, NvmlQuery, error_name, valid_percent

PERIOD_SECONDS = 15.0
MIN_SECONDS = 0.1

NOT_SUPPORTED = "NOT_SUPPORTED"


class InstanceUtilization(NamedTuple):
    """The utilization of a GPU instance, or the reason why it is unknown."""

    percent: float | None = None
    window_seconds: float | None = None
    reason: str | None = NOT_YET


class GpmReader:
    """Measure the utilization of one GPU's instances between samples."""

    def __init__(self) -> None:
        """Start without samples."""
        self.latest: dict[int, InstanceUtilization] = {}
        self._samples: dict[int, tuple[Any, float]] = {}
        self._supported = False

    def set_instances(self, handle: Any, instances: set[int]) -> None:
        """Measure these GPU instances from now on, and free the samples of others."""
        self.latest = {each: self.latest.get(each, InstanceUtilization()) for each in instances}
        for gone in self._samples.keys() - instances:
            _free(self._samples.pop(gone)[0])
        support = NvmlQuery().get("support", pynvml.nvmlGpmQueryDeviceSupport, handle) if instances else None
        self._supported = support is not None and bool(support.isSupportedDevice)

    def read(self, handle: Any, now: float) -> dict[int, InstanceUtilization]:
        """Return each instance's last utilization, after measuring the instances that are due."""
        for instance in self.latest:
            if not self._supported:
                self.latest[instance] = InstanceUtilization(reason=NOT_SUPPORTED)
            elif self._is_due(instance, now):
                self.latest[instance] = self._measure(handle, instance, now)
        return self.latest

    def _is_due(self, instance: int, now: float) -> bool:
        sample = self._samples.get(instance)
        if sample is None:
            return True
        since = now - sample[1]
        waiting = self.latest[instance].reason == NOT_YET and since > MIN_SECONDS
        return waiting or not 0 <= since < PERIOD_SECONDS

    def _measure(self, handle: Any, instance: int, now: float) -> InstanceUtilization:
        query = NvmlQuery()
        sample = query.get("sample", pynvml.nvmlGpmSampleAlloc)
        if sample is None:
            return InstanceUtilization(reason=query.reasons["sample"])
        if query.get("sample", pynvml.nvmlGpmMigSampleGet, handle, instance, sample) is None:
            _free(sample)
            return InstanceUtilization(reason=query.reasons["sample"])
        before, since = self._samples.pop(instance, (None, now))
        self._samples[instance] = sample, now
        if before is None:
            return InstanceUtilization()
        result = (
            _evaluate(before, sample, now - since) if now - since > MIN_SECONDS else InstanceUtilization()
        )
        _free(before)
        return result


def _evaluate(first: Any, second: Any, seconds: float) -> InstanceUtilization:
    query, request = NvmlQuery(), pynvml.c_nvmlGpmMetricsGet_t()
    request.version = pynvml.NVML_GPM_METRICS_GET_VERSION
    request.numMetrics = 1
    request.sample1, request.sample2 = first, second
    request.metrics[0].metricId = pynvml.NVML_GPM_METRIC_GRAPHICS_UTIL
    if query.get("metrics", pynvml.nvmlGpmMetricsGet, request) is None:
        return InstanceUtilization(reason=query.reasons["metrics"])
    metric = request.metrics[0]
    if metric.nvmlReturn != pynvml.NVML_SUCCESS:
        return InstanceUtilization(reason=error_name(metric.nvmlReturn))
    share = valid_percent(metric.value)
    return (
        InstanceUtilization(reason=OUT_OF_RANGE)
        if share is None
        else InstanceUtilization(share, round(seconds, 3), None)
    )


def _free(sample: Any) -> None:
    NvmlQuery().get("sample", pynvml.nvmlGpmSampleFree, sample)
