"""The agent's answers: the latest of all that is known, put together and written once for each change."""

from collections.abc import Callable

import msgspec

from lens import __version__
from lens.agent.gpu.health import judge
from lens.agent.gpu.xid_watch import XidLog
from lens.agent.podresources.poller import Holdings
from lens.agent.report import dcgm_metrics, metrics, prometheus_text
from lens.agent.sampler import Sample
from lens.model.gpu.device_ids import find, parse
from lens.model.gpu.node_report import MOST_PROCESSES, Gpu, Holder, Report


class Answers:
    """Answer from memory. To be used by one thread; what it reads, others replace as a whole."""

    def __init__(
        self,
        node: str,
        interval: float,
        started_at: float,
        sample: Callable[[], Sample],
        holdings: Callable[[], Holdings],
        xids: XidLog,
        *,
        dcgm_names: bool,
    ) -> None:
        """Take where the latest is; ``dcgm_names`` adds dcgm-exporter's metrics."""
        self._node = node
        self._interval = interval
        self._started_at = started_at
        self._sample = sample
        self._holdings = holdings
        self._xids = xids
        self._dcgm_names = dcgm_names
        self._state: tuple[int, int, int] | None = None
        self._report = self._put_together(sample(), holdings())
        self._devices: bytes | None = None
        self._metrics: bytes | None = None

    def devices(self) -> bytes:
        """Return the report as JSON."""
        report = self._current()
        if self._devices is None:
            self._devices = msgspec.json.encode(report)
        return self._devices

    def metrics(self) -> bytes:
        """Return the report as Prometheus' text."""
        report = self._current()
        if self._metrics is None:
            shown = [*metrics.families(report)]
            if self._dcgm_names:
                shown += dcgm_metrics.families(report)
            self._metrics = prometheus_text.write(shown)
        return self._metrics

    def _current(self) -> Report:
        sample, holdings = self._sample(), self._holdings()
        state = (sample.number, holdings.number, self._xids.changes)
        if state != self._state:
            self._report = self._put_together(sample, holdings)
            self._state, self._devices, self._metrics = state, None, None
        return self._report

    def _put_together(self, sample: Sample, holdings: Holdings) -> Report:
        gpus = tuple(self._with_xids(gpu) for gpu in sample.gpus)
        holders = holdings.holders
        return Report(
            node=self._node,
            agent=__version__,
            started_at=self._started_at,
            interval_seconds=self._interval,
            sampled_at=sample.at,
            xids_since=self._xids.since,
            driver=sample.driver,
            kubelet=holdings.kubelet,
            gpus=gpus,
            holders=None if holders is None else tuple(_found(each, gpus) for each in holders),
            claimed=holdings.claimed,
            allocatable=holdings.allocatable,
            cut=(*holdings.cut, *_cut_processes(gpus)),
        )

    def _with_xids(self, gpu: Gpu) -> Gpu:
        unwatched = self._xids.unwatched.get(gpu.index)
        reasons = {name: why for name, why in gpu.reasons.items() if name != "xids"}
        if unwatched is not None:
            reasons["xids"] = unwatched
        xids = None if unwatched is not None else self._xids.of(gpu.index)
        known = msgspec.structs.replace(gpu, xids=xids, reasons=reasons)
        return msgspec.structs.replace(known, health=judge(known))


def _cut_processes(gpus: tuple[Gpu, ...]) -> tuple[str, ...]:
    return ("processes",) if any(len(gpu.processes or ()) >= MOST_PROCESSES for gpu in gpus) else ()


def _found(holder: Holder, gpus: tuple[Gpu, ...]) -> Holder:
    device = parse(holder.device_id)
    gpu, instance = find(device, gpus)
    return msgspec.structs.replace(
        holder,
        gpu_uuid=device.gpu_uuid if gpu is None else gpu.uuid,
        instance_uuid=device.instance_uuid if instance is None else instance.uuid,
        replica=device.replica,
    )
