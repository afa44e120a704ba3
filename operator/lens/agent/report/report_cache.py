"""Build the agent's report from the latest values, and encode it once for each change."""

from collections.abc import Callable

import msgspec

from lens import __version__
from lens.agent.gpu.health import gpu_health
from lens.agent.gpu.xid_watch import XidLog
from lens.agent.podresources.poller import DeviceAllocations
from lens.agent.report import dcgm_metrics, metrics, prometheus_text
from lens.agent.sampler import Sample
from lens.model.gpu.device_ids import find, parse
from lens.model.gpu.node_report import MAX_PROCESSES, Gpu, Holder, Report


class ReportCache:
    """The current report, encoded. Not thread-safe; other threads replace the inputs as a whole."""

    def __init__(
        self,
        node: str,
        interval: float,
        started_at: float,
        sample: Callable[[], Sample],
        allocations: Callable[[], DeviceAllocations],
        xids: XidLog,
        *,
        dcgm_names: bool,
    ) -> None:
        """Build reports from the latest inputs; ``dcgm_names`` adds dcgm-exporter's metrics."""
        self._node = node
        self._interval = interval
        self._started_at = started_at
        self._sample = sample
        self._allocations = allocations
        self._xids = xids
        self._dcgm_names = dcgm_names
        self._built_from: tuple[int, int, int] | None = None
        self._report = self._build(sample(), allocations())
        self._devices: bytes | None = None
        self._metrics: bytes | None = None

    def devices_json(self) -> bytes:
        """Return the report as JSON."""
        report = self._current()
        if self._devices is None:
            self._devices = msgspec.json.encode(report)
        return self._devices

    def metrics_text(self) -> bytes:
        """Return the report in Prometheus' text format."""
        report = self._current()
        if self._metrics is None:
            families = [*metrics.metric_families(report)]
            if self._dcgm_names:
                families += dcgm_metrics.metric_families(report)
            self._metrics = prometheus_text.render(families)
        return self._metrics

    def _current(self) -> Report:
        sample, allocations = self._sample(), self._allocations()
        state = (sample.number, allocations.number, self._xids.changes)
        if state != self._built_from:
            self._report = self._build(sample, allocations)
            self._built_from, self._devices, self._metrics = state, None, None
        return self._report

    def _build(self, sample: Sample, allocations: DeviceAllocations) -> Report:
        gpus = tuple(self._with_xids(gpu) for gpu in sample.gpus)
        holders = allocations.holders
        return Report(
            node=self._node,
            agent=__version__,
            started_at=self._started_at,
            interval_seconds=self._interval,
            sampled_at=sample.at,
            xids_since=self._xids.since,
            driver=sample.driver,
            kubelet=allocations.kubelet,
            gpus=gpus,
            holders=None if holders is None else tuple(_with_gpu(each, gpus) for each in holders),
            claimed=allocations.claimed,
            allocatable=allocations.allocatable,
            cut=(*allocations.cut, *_cut_processes(gpus)),
        )

    def _with_xids(self, gpu: Gpu) -> Gpu:
        unwatched = self._xids.unwatched.get(gpu.index)
        reasons = {name: why for name, why in gpu.reasons.items() if name != "xids"}
        if unwatched is not None:
            reasons["xids"] = unwatched
        xids = None if unwatched is not None else self._xids.gpu_xids(gpu.index)
        known = msgspec.structs.replace(gpu, xids=xids, reasons=reasons)
        return msgspec.structs.replace(known, health=gpu_health(known))


def _cut_processes(gpus: tuple[Gpu, ...]) -> tuple[str, ...]:
    return ("processes",) if any(len(gpu.processes or ()) >= MAX_PROCESSES for gpu in gpus) else ()


def _with_gpu(holder: Holder, gpus: tuple[Gpu, ...]) -> Holder:
    device = parse(holder.device_id)
    gpu, instance = find(device, gpus)
    return msgspec.structs.replace(
        holder,
        gpu_uuid=device.gpu_uuid if gpu is None else gpu.uuid,
        instance_uuid=device.instance_uuid if instance is None else instance.uuid,
        replica=device.replica,
    )
