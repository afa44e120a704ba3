"""Read NVIDIA's dcgm-exporter, by the names of its default counters.

Source: etc/default-counters.csv and internal/pkg/rendermetrics of NVIDIA/dcgm-exporter. In MIG mode it has a
line for each GPU instance, with what is measured only of the whole GPU repeated on each. It gives no times:
its samples are as old as its collect interval, and count as just taken.
"""

import re
from collections.abc import Iterator
from sys import intern

from lens.model.gpu.node_report import MOST_GPUS, MOST_HOLDERS, MOST_INSTANCES, Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry
from lens.model.gpu.xids import VERDICTS, classify
from lens.telemetry.bounds import Cut
from lens.telemetry.client import Answer
from lens.telemetry.exposition import NOT_EXPORTED, Labels, Sample, Values, check_host, holder, samples
from lens.telemetry.reading import Reading
from lens.telemetry.refusal import Reason, RefusedError
from lens.telemetry.targets import Target

_MIB = 2**20

_PREFIX = "DCGM_FI_"
_UTIL, _ACTIVE = "DEV_GPU_UTIL", "PROF_GR_ENGINE_ACTIVE"
_USED, _FREE, _TOTAL, _RESERVED = "DEV_FB_USED", "DEV_FB_FREE", "DEV_FB_TOTAL", "DEV_FB_RESERVED"
_TEMPERATURE, _POWER, _XID = "DEV_GPU_TEMP", "DEV_POWER_USAGE", "DEV_XID_ERRORS"

_WANTED = {
    f"{_PREFIX}{name}".encode(): name
    for name in (_UTIL, _ACTIVE, _USED, _FREE, _TOTAL, _RESERVED, _TEMPERATURE, _POWER, _XID)
}

MIG_SLICES = 7
"""Compute slices of a GPU in MIG mode, but for those below.

Source: https://docs.nvidia.com/datacenter/tesla/mig-user-guide/supported-gpus.html
"""

_FEWER_SLICES = {"A30": 4, "RTX PRO 6000": 4, "RTX PRO 5000": 2, "RTX PRO 4500": 2}

_PROFILE = re.compile(r"(?:\d{1,2}c\.)?(\d{1,2})g\.", re.ASCII)

MOST_MIB = 2.0**30
MOST_XID = 2.0**32 - 1


class _Instance:
    """The lines of one GPU instance."""

    def __init__(self, uuid: str, profile: str) -> None:
        self.uuid = uuid
        self.profile = profile
        self.values = Values()

    @property
    def slices(self) -> int | None:
        """How many of the GPU's compute slices it has, as its profile says: 3 of a 3g.40gb."""
        found = _PROFILE.match(self.profile)
        return int(found[1]) if found else None


class _Gpu:
    """The lines of one GPU."""

    def __init__(self, index: int, product: str) -> None:
        self.index = index
        self.product = product
        self.values = Values()
        self.instances: dict[int, _Instance] = {}


def read_dcgm(target: Target, answer: Answer, received_at: float) -> Reading:
    """Return what a dcgm-exporter says. Raise RefusedError."""
    gpus: dict[str, _Gpu] = {}
    holders: dict[Holder, None] = {}
    for sample in samples(answer.body, _WANTED.get):
        check_host(sample.labels, target)
        holders |= dict.fromkeys(_take(sample, gpus))
    cut = Cut()
    read = tuple(_gpu(uuid, gpu, received_at) for uuid, gpu in gpus.items())
    doubtful = any(
        values.doubtful
        for gpu in gpus.values()
        for values in (gpu.values, *(each.values for each in gpu.instances.values()))
    )
    telemetry = NodeTelemetry(
        node=target.node,
        source="dcgm",
        sampled_at=received_at,
        gpus=tuple(sorted(read, key=lambda gpu: gpu.index)),
        holders=cut.first("holders", MOST_HOLDERS, tuple(holders)),
        problem=cut.problem,
    )
    doubts: dict[Reason, bool] = {"invalid": doubtful, "cut": bool(cut)}
    return Reading(telemetry, frozenset(reason for reason, found in doubts.items() if found))


def _take(sample: Sample, gpus: dict[str, _Gpu]) -> Iterator[Holder]:
    """Take a line in; give the container that it names, if any."""
    labels = sample.labels
    uuid = labels.get("UUID") or labels.get("uuid")
    if not uuid:
        return
    gpu = gpus.get(uuid)
    if gpu is None:
        if len(gpus) >= MOST_GPUS:
            raise RefusedError("invalid", f"answers what can't be: more than {MOST_GPUS} GPUs on a node")
        gpu = gpus[uuid] = _Gpu(_number(labels, "gpu"), intern(labels.get("modelName", "")))
    instance = _instance(labels, uuid, gpu) if labels.get("GPU_I_ID") else None
    if instance is None or sample.metric in (_UTIL, _TEMPERATURE, _POWER, _XID):
        gpu.values.put(sample.metric, sample.value)
    else:
        instance.values.put(sample.metric, sample.value)
    named = holder(labels, uuid, None if instance is None else instance.uuid)
    if named is not None:
        yield named


def _instance(labels: Labels, uuid: str, gpu: _Gpu) -> _Instance:
    number = _number(labels, "GPU_I_ID")
    if number not in gpu.instances:
        if len(gpu.instances) >= MOST_INSTANCES:
            raise RefusedError("invalid", f"answers what can't be: more than {MOST_INSTANCES} instances")
        # It doesn't tell the MIG device's uuid: this is the form that was the uuid before driver R470.
        gpu.instances[number] = _Instance(f"MIG-{uuid}/{number}/0", intern(labels.get("GPU_I_PROFILE", "")))
    return gpu.instances[number]


def _number(labels: Labels, name: str) -> int:
    text = labels.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise RefusedError("invalid", f"answers what can't be: {name}={text[:40]!r}")
    return int(text)


def _gpu(uuid: str, gpu: _Gpu, received_at: float) -> GpuTelemetry:
    values = gpu.values
    instances = tuple(_part(number, each) for number, each in sorted(gpu.instances.items()))
    if instances:
        utilization = _of_instances(gpu, instances)
        if utilization is None:
            values.reasons["utilization_percent"] = NOT_EXPORTED
        known = [each.memory_used_bytes for each in instances if each.memory_used_bytes is not None]
        used = sum(known) if len(known) == len(instances) else None
        total = _bytes(values.take("memory_total_bytes", _TOTAL, most=MOST_MIB))
        if used is None:
            values.reasons["memory_used_bytes"] = NOT_EXPORTED
    else:
        utilization = _utilization(values)
        used, total = _memory(values)
    return GpuTelemetry(
        index=gpu.index,
        uuid=uuid,
        sampled_at=received_at,
        health=_health(values),
        product=gpu.product or None,
        utilization_percent=utilization,
        memory_used_bytes=used,
        memory_total_bytes=total,
        temperature_celsius=values.take("temperature_celsius", _TEMPERATURE, most=1000),
        power_watts=values.take("power_watts", _POWER, most=1e6),
        instances=instances,
        reasons=values.reasons | {"shares": NOT_EXPORTED},
    )


def _part(number: int, instance: _Instance) -> InstanceTelemetry:
    values = instance.values
    used, total = _memory(values)
    return InstanceTelemetry(
        uuid=instance.uuid,
        gpu_instance_id=number,
        compute_instance_id=0,
        profile=instance.profile or None,
        utilization_percent=_utilization(values),
        memory_used_bytes=used,
        memory_total_bytes=total,
        reasons=values.reasons,
    )


def _utilization(values: Values) -> float | None:
    """Return the utilization, or else the busy share of the engine, which is from 0 to 1."""
    utilization = values.first(_UTIL, most=100)
    if utilization is None and values.why_not(_UTIL) == NOT_EXPORTED:
        active = values.first(_ACTIVE, most=100, scale=100)
        utilization = None if active is None else round(active, 2)
    if utilization is None:
        values.reasons["utilization_percent"] = values.why_not(_UTIL, _ACTIVE)
    return utilization


def _of_instances(gpu: _Gpu, instances: tuple[InstanceTelemetry, ...]) -> float | None:
    """Return the share of the GPU's slices that were busy: those outside all instances never are."""
    whole = next((few for name, few in _FEWER_SLICES.items() if name in gpu.product), MIG_SLICES)
    busy = 0.0
    for each in instances:
        slices = gpu.instances[each.gpu_instance_id].slices
        if each.utilization_percent is None or slices is None:
            return None
        busy += each.utilization_percent * slices
    return round(min(100.0, busy / whole), 2)


def _memory(values: Values) -> tuple[int | None, int | None]:
    """Return bytes in use and in all, which some versions export and others leave to be added up."""
    used = values.take("memory_used_bytes", _USED, most=MOST_MIB)
    total, free = values.first(_TOTAL, most=MOST_MIB), values.first(_FREE, most=MOST_MIB)
    if total is None and used is not None and free is not None:
        total = used + free + (values.first(_RESERVED, most=MOST_MIB) or 0.0)
    if total is None:
        values.reasons["memory_total_bytes"] = values.why_not(_TOTAL, _FREE)
    return _bytes(used), _bytes(total)


def _bytes(mib: float | None) -> int | None:
    return None if mib is None else round(mib * _MIB)


def _health(values: Values) -> Health:
    """Judge by the last XID, which is all that is told, until the exporter starts anew.

    A cleanup counts as one that came of another error: that one it has taken the place of.
    """
    xid = values.first(_XID, most=MOST_XID)
    if xid is None:
        return Health(state="unknown", because=(values.why_not(_XID),))
    severity, _ = classify(round(xid), alone=False)
    because = (f"XID {xid:.0f}",)
    if severity == "recovery":
        # To which action it changed is not exported.
        return Health(state="unknown", because=because)
    verdict = VERDICTS.get(severity)
    return Health(state="ok") if verdict is None else Health(state=verdict, because=because)
