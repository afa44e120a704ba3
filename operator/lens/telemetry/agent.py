"""Read an agent's report: decoded into its bounds, held against the target, put on the operator's clock."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from sys import intern

import msgspec

from lens.model.gpu.node_report import (
    MOST_CAUSES,
    MOST_CLOCK_EVENTS,
    MOST_HOLDERS,
    MOST_PROCESSES,
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
from lens.telemetry.bounds import MOST_NAMED, Cut
from lens.telemetry.client import Answer
from lens.telemetry.reading import Reading
from lens.telemetry.refusal import LONGEST_PROBLEM, Reason, RefusedError
from lens.telemetry.targets import Target

SLACK_SECONDS = 2.0
"""How far in the future a sample may be by its own node's clock: a Date header has whole seconds only."""

OLDEST_SECONDS = 30 * 86400.0
"""The age at which a sample's time is no time any more."""

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

_decoder = msgspec.json.Decoder(Report)


class Clock:
    """Translates one agent's times to the operator's clock, whatever the node's clock says.

    The age of a sample is taken by the agent's own clock, which the Date header of its answer tells. Where
    there is none the last round counts as just over. Nothing is later than ``received_at``, nor
    OLDEST_SECONDS before it.
    """

    def __init__(self, date: float | None, sampled_at: float, received_at: float) -> None:
        """Take when the answer was sent, by the agent's clock, and when it came, by the operator's."""
        # Half a second is what a Date header cuts off in the mean.
        sent_at = sampled_at if date is None else date + 0.5
        self._latest = sent_at + SLACK_SECONDS
        self._offset = received_at - sent_at
        self._received_at = received_at
        self.doubts: set[Reason] = set()

    def translate(self, moment: float) -> float:
        """Return a moment on the operator's clock."""
        if moment > self._latest:
            self.doubts.add("future")
        translated, oldest = moment + self._offset, self._received_at - OLDEST_SECONDS
        if translated < oldest:
            self.doubts.add("past")
        return max(oldest, min(self._received_at, translated))


def read_event(target: Target, answer: Answer, received_at: float) -> Reading:
    """Return what an agent says. Raise RefusedError."""
    report = _decode(answer.body)
    _check(report, target)
    problems = [_driver_problem(report.driver), _kubelet_problem(report.kubelet), _cut_problem(report)]
    if report.sampled_at is None:
        problem = _joined(problems) or "no sample yet"
        return Reading(NodeTelemetry(node=target.node, source="agent", problem=problem))
    clock, cut = Clock(_epoch(answer.date), report.sampled_at, received_at), Cut()
    telemetry = NodeTelemetry(
        node=target.node,
        source="agent",
        sampled_at=clock.translate(report.sampled_at),
        gpus=tuple(_gpu(gpu, clock, cut) for gpu in report.gpus),
        holders=report.holders and cut.first("holders", MOST_HOLDERS, report.holders),
        claimed=report.claimed and cut.first("claimed devices", MOST_HOLDERS, report.claimed),
    )
    telemetry = msgspec.structs.replace(telemetry, problem=_joined([*problems, cut.problem]))
    if cut:
        clock.doubts.add("cut")
    return Reading(telemetry, frozenset(clock.doubts))


def _decode(body: bytes | bytearray) -> Report:
    try:
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RefusedError("invalid", f"answers what can't be: {error}") from None
    except (ValueError, RecursionError):  # a DecodeError is a ValueError, as is text that isn't UTF-8
        raise RefusedError("not_json", "answers garbage: not a report in JSON") from None


def _check(report: Report, target: Target) -> None:
    if report.version != VERSION:
        raise RefusedError("invalid", f"speaks version {report.version}, and Lens version {VERSION}")
    if report.node != target.node:
        raise RefusedError("wrong_node", f"claims GPUs of another node: says that it is {report.node}")
    uuids = [gpu.uuid for gpu in report.gpus if gpu.uuid is not None]
    if len(set(uuids)) != len(uuids):
        raise RefusedError("invalid", "answers what can't be: two GPUs with one uuid")


def _driver_problem(driver: Driver) -> str | None:
    # A node without a driver is what it is, and no trouble.
    if driver.state in ("ready", "absent"):
        return None
    return f"driver {driver.state}" + (f": {driver.reason}" if driver.reason else "")


def _kubelet_problem(kubelet: Kubelet) -> str | None:
    if kubelet.state in ("ok", "starting"):
        return None
    return f"kubelet {kubelet.state}" + (f": {kubelet.reason}" if kubelet.reason else "")


def _cut_problem(report: Report) -> str | None:
    return f"the agent tells only the first {', '.join(report.cut[:MOST_NAMED])}" if report.cut else None


def _joined(problems: Iterable[str | None]) -> str | None:
    return "; ".join(filter(None, problems))[:LONGEST_PROBLEM] or None


def _gpu(gpu: Gpu, clock: Clock, cut: Cut) -> GpuTelemetry:
    processes = gpu.processes and cut.first("processes", MOST_PROCESSES, gpu.processes)
    shares, unknown = _shares(processes)
    reasons = gpu.reasons
    because = cut.first("causes of a GPU's health", MOST_CAUSES, gpu.health.because)
    clock_events = cut.first("clock events", MOST_CLOCK_EVENTS, gpu.clock_events or ())
    return GpuTelemetry(
        index=gpu.index,
        uuid=gpu.uuid,
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
        reasons=_kept(reasons, reasons.get("processes", unknown)),
    )


def _kept(reasons: Mapping[str, str], shares: str | None) -> Mapping[str, str]:
    """Return the reasons of the values that are kept; a map of its own only where there are any."""
    kept = (
        {intern(name): intern(reasons[name]) for name in _SHOWN_REASONS & reasons.keys()} if reasons else {}
    )
    return kept | {"shares": shares} if shares is not None else kept


def _instance(instance: Instance) -> InstanceTelemetry:
    return InstanceTelemetry(
        uuid=instance.uuid,
        gpu_instance_id=instance.gpu_instance_id,
        compute_instance_id=instance.compute_instance_id,
        profile=instance.profile and intern(instance.profile),
        utilization_percent=instance.utilization_percent,
        memory_used_bytes=instance.memory_used_bytes,
        memory_total_bytes=instance.memory_total_bytes,
        reasons=_kept(instance.reasons, None),
    )


def _shares(processes: tuple[Process, ...] | None) -> tuple[tuple[PodShare, ...] | None, str | None]:
    """Add up a GPU's processes by pod; None, and why, where the agent can't tell whose they are.

    Some processes are no pod's, such as a node's own monitoring. If all are, the agent sees only strangers.
    """
    if processes is None:
        return None, None
    if len(processes) >= MOST_PROCESSES:
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
    """Return the seconds of a Date header (RFC 9110, 6.6.1); None for none, or one that can't be read."""
    if date is None:
        return None
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
