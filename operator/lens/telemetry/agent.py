"""Parse an agent's report: decode it within bounds, validate it, translate its times."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import islice
from sys import intern

import msgspec

from lens.model.gpu.device_ids import pci_bus_id, replicas
from lens.model.gpu.identities import identity
from lens.model.gpu.node_report import (
    MAX_ALLOCATABLE,
    MAX_CAUSES,
    MAX_CLOCK_EVENTS,
    MAX_HOLDERS,
    MAX_PROCESSES,
    VERSION,
    Driver,
    Gpu,
    Health,
    Instance,
    Kubelet,
    Process,
    Report,
)
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry, PodShare
from lens.model.k8s.bounds import MAX_RESOURCES
from lens.telemetry.lenient import INVALID, LenientDecoder, TooManyInvalidError
from lens.telemetry.scrape_client import ScrapeResponse
from lens.telemetry.scrape_error import MAX_PROBLEM_CHARS, Reason, ScrapeError
from lens.telemetry.scrape_result import ScrapeResult
from lens.telemetry.targets import Target
from lens.telemetry.truncation import MAX_NAMED_LISTS, TruncatedLists

SKEW_SECONDS = 2.0
"""How far in the future of its own node's clock a sample may be. A Date header has whole seconds."""

MAX_AGE_SECONDS = 30 * 86400.0
"""The oldest possible age of a sample. An older time is invalid."""

NO_POD = "NO_POD"
TOO_MANY_PROCESSES = "TOO_MANY_PROCESSES"

_SHOWN_REASONS = frozenset(
    (
        "utilization_percent",
        "memory_used_bytes",
        "memory_total_bytes",
        "temperature_celsius",
        "power_watts",
        "recovery_action",
        "instances",
    )
)

_FALLBACKS: Mapping[type[msgspec.Struct], msgspec.Struct] = {
    Driver: Driver(state="failed", reason=INVALID),
    Kubelet: Kubelet(state="failed", reason=INVALID),
    Health: Health(state="unknown", because=(INVALID,)),
    # A process of which nothing can be read still counts, as one of an unknown pod.
    Process: Process(pid=0),
}

_DEFAULTS = {"agent": "", "started_at": 0.0, "interval_seconds": 0.0, "sampled_at": 0.0}
"""The values of these fields of a report, and of a GPU, if they can't be read."""

_NO_REPLICAS: Mapping[str, int] = {}

_decoder = msgspec.json.Decoder(Report)


class AgentClock:
    """Translate an agent's times to the operator's clock, whatever the node's clock is.

    The age of a sample is measured by the agent's own clock, from the Date header of its response. Without
    the header, the last round counts as just ended. No result is later than ``received_at``, nor
    MAX_AGE_SECONDS before it.
    """

    def __init__(self, date: float | None, sampled_at: float, received_at: float) -> None:
        """Translate by a response's ``date`` (agent's clock) and ``received_at`` (operator's clock)."""
        # A Date header truncates half a second on average.
        sent_at = sampled_at if date is None else date + 0.5
        self._latest = sent_at + SKEW_SECONDS
        self._offset = received_at - sent_at
        self._received_at = received_at
        self.warnings: set[Reason] = set()

    def translate(self, moment: float) -> float:
        """Return a time on the operator's clock."""
        if moment > self._latest:
            self.warnings.add("future")
        translated, oldest = moment + self._offset, self._received_at - MAX_AGE_SECONDS
        if translated < oldest:
            self.warnings.add("past")
        return max(oldest, min(self._received_at, translated))


def read_agent(target: Target, answer: ScrapeResponse, received_at: float) -> ScrapeResult:
    """Parse a response of an agent. Raise ScrapeError."""
    report, invalid = _decode(answer.body)
    _validate(report, target)
    problems = [
        invalid,
        _driver_problem(report.driver),
        _kubelet_problem(report.kubelet),
        _truncation_problem(report),
    ]
    sampled_at = report.sampled_at
    if invalid is not None and sampled_at is None:
        sampled_at = max((gpu.sampled_at for gpu in report.gpus), default=None)
    if sampled_at is None:
        problem = _joined(problems) or "no sample yet"
        return ScrapeResult(NodeTelemetry(node=target.node, source="agent", problem=problem))
    clock, truncated = AgentClock(_epoch(answer.date), sampled_at, received_at), TruncatedLists()
    telemetry = NodeTelemetry(
        node=target.node,
        source="agent",
        sampled_at=clock.translate(sampled_at),
        gpus=tuple(_gpu(gpu, clock, truncated) for gpu in report.gpus),
        holders=report.holders and truncated.first("holders", MAX_HOLDERS, report.holders),
        claimed=report.claimed and truncated.first("claimed devices", MAX_HOLDERS, report.claimed),
        replicas=None if report.allocatable is None else _replicas(report.allocatable),
    )
    telemetry = msgspec.structs.replace(telemetry, problem=_joined([*problems, truncated.problem]))
    if truncated:
        clock.warnings.add("cut")
    if invalid is not None:
        clock.warnings.add("invalid")
    return ScrapeResult(telemetry, frozenset(clock.warnings))


def _decode(body: bytes | bytearray) -> tuple[Report, str | None]:
    """Return a report without its invalid values, and the names of those."""
    try:
        return _decoder.decode(body), None
    except msgspec.ValidationError as error:
        lenient = LenientDecoder(_FALLBACKS, _DEFAULTS)
        try:
            report = lenient.decode(body, Report)
        except (TooManyInvalidError, ValueError):
            raise ScrapeError("invalid", f"answers what can't be: {error}") from None
        if "version" in lenient.invalid:  # the rest may have another meaning
            raise ScrapeError("invalid", f"answers what can't be: {error}") from None
        return report, f"answers what can't be: {lenient.named}"
    except (ValueError, RecursionError):  # a DecodeError is a ValueError, as is text that isn't UTF-8
        raise ScrapeError("not_json", "answers garbage: not a report in JSON") from None


def _validate(report: Report, target: Target) -> None:
    if report.version != VERSION:
        raise ScrapeError("invalid", f"speaks version {report.version}, and Lens version {VERSION}")
    if report.node != target.node:
        raise ScrapeError("wrong_node", f"claims GPUs of another node: says that it is {report.node}")
    uuids = [uuid for gpu in report.gpus if (uuid := identity(gpu.uuid)) is not None]
    if len(set(uuids)) != len(uuids):
        raise ScrapeError("invalid", "answers what can't be: two GPUs with one uuid")


def _driver_problem(driver: Driver) -> str | None:
    # A node without a driver is not a problem.
    if driver.state in ("ready", "absent"):
        return None
    return f"driver {driver.state}" + (f": {driver.reason}" if driver.reason else "")


def _kubelet_problem(kubelet: Kubelet) -> str | None:
    if kubelet.state in ("ok", "starting"):
        return None
    return f"kubelet {kubelet.state}" + (f": {kubelet.reason}" if kubelet.reason else "")


def _truncation_problem(report: Report) -> str | None:
    return f"the agent has only the first {', '.join(report.cut[:MAX_NAMED_LISTS])}" if report.cut else None


def _joined(problems: Iterable[str | None]) -> str | None:
    return "; ".join(filter(None, problems))[:MAX_PROBLEM_CHARS] or None


def _replicas(allocatable: Mapping[str, tuple[str, ...]]) -> Mapping[str, int]:
    """Return how often each device is offered, of the resources that offer theirs several times over.

    An agent reports MAX_ALLOCATABLE ids at most; with more nothing is known.
    """
    if sum(map(len, allocatable.values())) > MAX_ALLOCATABLE:
        return _NO_REPLICAS
    found = {intern(resource): replicas(ids) for resource, ids in islice(allocatable.items(), MAX_RESOURCES)}
    return {resource: number for resource, number in found.items() if number > 1} or _NO_REPLICAS


def _gpu(gpu: Gpu, clock: AgentClock, truncated: TruncatedLists) -> GpuTelemetry:
    processes = gpu.processes and truncated.first("processes", MAX_PROCESSES, gpu.processes)
    shares, unknown = _shares(processes)
    unattributed = {each.instance for each in processes or () if each.pod_uid is None}
    reasons = gpu.reasons
    because = truncated.first("causes of a GPU's health", MAX_CAUSES, gpu.health.because)
    clock_events = truncated.first("clock events", MAX_CLOCK_EVENTS, gpu.clock_events or ())
    return GpuTelemetry(
        index=gpu.index,
        uuid=identity(gpu.uuid),
        sampled_at=clock.translate(gpu.sampled_at),
        health=Health(state=gpu.health.state, because=because),
        product=gpu.product and intern(gpu.product),
        utilization_percent=gpu.utilization_percent,
        memory_used_bytes=gpu.memory_used_bytes,
        memory_total_bytes=gpu.memory_total_bytes,
        temperature_celsius=gpu.temperature_celsius,
        power_watts=gpu.power_watts,
        recovery_action=gpu.recovery_action and intern(gpu.recovery_action),
        clock_events=tuple(map(intern, clock_events)),
        ecc_uncorrected=gpu.ecc_uncorrected_volatile,
        instances=tuple(map(_instance, gpu.instances)) if gpu.instances else (),
        shares=shares,
        pci_bus_id=pci_bus_id(gpu.pci_bus_id) if gpu.pci_bus_id else None,
        unattributed=tuple(sorted(unattributed, key=lambda instance: -1 if instance is None else instance)),
        reasons=_kept(reasons, reasons.get("processes", unknown)),
    )


def _kept(reasons: Mapping[str, str], shares: str | None) -> Mapping[str, str]:
    """Return the reasons of the values that are kept, and that of ``shares``."""
    kept = (
        {intern(name): intern(reasons[name]) for name in _SHOWN_REASONS & reasons.keys()} if reasons else {}
    )
    return kept | {"shares": shares} if shares is not None else kept


def _instance(instance: Instance) -> InstanceTelemetry:
    return InstanceTelemetry(
        uuid=identity(instance.uuid),
        gpu_instance_id=instance.gpu_instance_id,
        compute_instance_id=instance.compute_instance_id,
        profile=instance.profile and intern(instance.profile),
        utilization_percent=instance.utilization_percent,
        memory_used_bytes=instance.memory_used_bytes,
        memory_total_bytes=instance.memory_total_bytes,
        reasons=_kept(instance.reasons, None),
    )


def _shares(processes: tuple[Process, ...] | None) -> tuple[tuple[PodShare, ...] | None, str | None]:
    """Sum up a GPU's processes by pod. Return None and the reason if their pods are unknown.

    Some processes belong to no known pod: an MPS server, a node's own monitoring, one whose cgroup can't be
    read. If all do, the agent can't resolve pods.
    """
    if processes is None:
        return None, None
    if len(processes) >= MAX_PROCESSES:
        return None, TOO_MANY_PROCESSES
    by_pod: dict[tuple[str, int | None], list[Process]] = {}
    for process in processes:
        if process.pod_uid is not None:
            by_pod.setdefault((process.pod_uid, process.instance), []).append(process)
    if processes and not by_pod:
        return None, NO_POD
    return tuple(_share(pod_uid, instance, each) for (pod_uid, instance), each in by_pod.items()), None


def _share(pod_uid: str, instance: int | None, processes: list[Process]) -> PodShare:
    memories = [each.used_memory_bytes for each in processes if each.used_memory_bytes is not None]
    percents = [each.utilization_percent for each in processes if each.utilization_percent is not None]
    whole = len(processes)
    return PodShare(
        pod_uid=pod_uid,
        instance=instance,
        memory_used_bytes=sum(memories) if len(memories) == whole else None,
        utilization_percent=min(100.0, sum(percents)) if len(percents) == whole else None,
    )


@lru_cache(maxsize=64)
def _epoch(date: str | None) -> float | None:
    """Return the epoch seconds of a Date header (RFC 9110, 6.6.1), or None without a valid one."""
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
