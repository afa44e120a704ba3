"""Parse NVIDIA's dcgm-exporter by the names of its default counters.

Source: etc/default-counters.csv and internal/pkg/rendermetrics of NVIDIA/dcgm-exporter. In MIG mode it has a
sample for each GPU instance, and repeats the whole GPU's values on each. It has no timestamps: its samples
are up to a collect interval old, and count as just taken.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from sys import intern

import msgspec

from lens.model.gpu.identities import identity
from lens.model.gpu.node_report import MOST_GPUS, MOST_HOLDERS, MOST_INSTANCES, Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry
from lens.model.gpu.xids import VERDICTS, classify
from lens.telemetry.prometheus_parser import (
    NOT_EXPORTED,
    Exposition,
    Labels,
    Sample,
    Values,
    holder,
    number,
)
from lens.telemetry.scrape_client import ScrapeResponse
from lens.telemetry.scrape_error import Reason, ScrapeError
from lens.telemetry.scrape_result import ScrapeResult
from lens.telemetry.targets import Target
from lens.telemetry.truncation import TruncatedLists

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
"""Compute slices of a GPU in MIG mode, except for the products below.

Source: https://docs.nvidia.com/datacenter/tesla/mig-user-guide/supported-gpus.html
"""

_FEWER_SLICES = {"A30": 4, "RTX PRO 6000": 4, "RTX PRO 5000": 2, "RTX PRO 4500": 2}

_PROFILE = re.compile(r"(?:\d{1,2}c\.)?(\d{1,2})g\.", re.ASCII)

MAX_MIB = 2.0**30
MAX_XID = 2.0**32 - 1


class _Instance:
    """The samples of one GPU instance."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.values = Values()

    @property
    def slices(self) -> int | None:
        """The number of its compute slices, from its profile: 3 for 3g.40gb."""
        found = _PROFILE.match(self.profile)
        return int(found[1]) if found else None


class _Gpu:
    """The samples of one GPU, and the containers that have it or an instance of it."""

    def __init__(self, index: int, uuid: str, product: str) -> None:
        self.index = index
        self.uuid = uuid
        self.product = product
        self.values = Values()
        self.instances: dict[int, _Instance] = {}
        self.holders: dict[tuple[Holder, int | None], None] = {}

    def instance_uuid(self, number: int | None) -> str | None:
        """Return an instance's UUID in the form from before R470: the exporter doesn't have the real one."""
        return None if number is None else f"MIG-{self.uuid}/{number}/0"


def read_dcgm(target: Target, answer: ScrapeResponse, received_at: float) -> ScrapeResult:
    """Parse a response of dcgm-exporter. Raise ScrapeError."""
    found: dict[tuple[str, int], _Gpu] = {}
    exposition = Exposition(answer.body, _WANTED.get)
    exposition.read(lambda sample: _add_sample(sample, found))
    gpus = sorted(found.values(), key=lambda gpu: gpu.index)
    uuids = Counter(gpu.uuid for gpu in gpus)
    for gpu in gpus:
        if identity(gpu.uuid) is None or uuids[gpu.uuid] > 1:
            gpu.uuid = f"{target.node}/{gpu.index}"
    truncated = TruncatedLists()
    read = tuple(_gpu(gpu, received_at) for gpu in gpus)
    out_of_range = any(
        values.out_of_range
        for gpu in gpus
        for values in (gpu.values, *(each.values for each in gpu.instances.values()))
    )
    telemetry = NodeTelemetry(
        node=target.node,
        source="dcgm",
        sampled_at=received_at,
        gpus=read,
        holders=truncated.first("holders", MOST_HOLDERS, tuple(_holders(gpus))),
        problem="; ".join(filter(None, (exposition.problem, truncated.problem))) or None,
    )
    warnings: dict[Reason, bool] = {
        "invalid": out_of_range or bool(exposition.odd_lines),
        "cut": bool(truncated),
    }
    return ScrapeResult(telemetry, frozenset(reason for reason, found in warnings.items() if found))


def _add_sample(sample: Sample, gpus: dict[tuple[str, int], _Gpu]) -> None:
    """Add a sample to its GPU or instance, and the container that it names. Raise OddLineError."""
    labels = sample.labels
    uuid, index = labels.get("UUID") or labels.get("uuid", ""), number(labels, "gpu")
    gpu_instance = number(labels, "GPU_I_ID") if labels.get("GPU_I_ID") else None
    gpu = gpus.get((uuid, index))
    if gpu is None:
        if len(gpus) >= MOST_GPUS:
            raise ScrapeError("invalid", f"answers what can't be: more than {MOST_GPUS} GPUs on a node")
        gpu = gpus[uuid, index] = _Gpu(index, uuid, intern(labels.get("modelName", "")))
    instance = None if gpu_instance is None else _instance(labels, gpu, gpu_instance)
    if instance is None or sample.metric in (_UTIL, _TEMPERATURE, _POWER, _XID):
        gpu.values.set(sample.metric, sample.value)
    else:
        instance.values.set(sample.metric, sample.value)
    named = holder(labels, uuid, None)
    if named is not None:
        gpu.holders[named, gpu_instance] = None


def _holders(gpus: Iterable[_Gpu]) -> Iterator[Holder]:
    for gpu in gpus:
        for named, instance in gpu.holders:
            yield msgspec.structs.replace(named, gpu_uuid=gpu.uuid, instance_uuid=gpu.instance_uuid(instance))


def _instance(labels: Labels, gpu: _Gpu, number: int) -> _Instance:
    if number not in gpu.instances:
        if len(gpu.instances) >= MOST_INSTANCES:
            raise ScrapeError("invalid", f"answers what can't be: more than {MOST_INSTANCES} instances")
        gpu.instances[number] = _Instance(intern(labels.get("GPU_I_PROFILE", "")))
    return gpu.instances[number]


def _gpu(gpu: _Gpu, received_at: float) -> GpuTelemetry:
    values = gpu.values
    instances = tuple(_part(gpu, number, each) for number, each in sorted(gpu.instances.items()))
    if instances:
        utilization = _instances_utilization(gpu, instances)
        if utilization is None:
            values.reasons["utilization_percent"] = NOT_EXPORTED
        known = [each.memory_used_bytes for each in instances if each.memory_used_bytes is not None]
        used = sum(known) if len(known) == len(instances) else None
        total = _bytes(values.field_value("memory_total_bytes", _TOTAL, most=MAX_MIB))
        if used is None:
            values.reasons["memory_used_bytes"] = NOT_EXPORTED
    else:
        utilization = _utilization(values)
        used, total = _memory(values)
    return GpuTelemetry(
        index=gpu.index,
        uuid=gpu.uuid,
        sampled_at=received_at,
        health=_health(values),
        product=gpu.product or None,
        utilization_percent=utilization,
        memory_used_bytes=used,
        memory_total_bytes=total,
        temperature_celsius=values.field_value("temperature_celsius", _TEMPERATURE, most=1000),
        power_watts=values.field_value("power_watts", _POWER, most=1e6),
        instances=instances,
        reasons=values.reasons | {"shares": NOT_EXPORTED},
    )


def _part(gpu: _Gpu, number: int, instance: _Instance) -> InstanceTelemetry:
    values = instance.values
    used, total = _memory(values)
    return InstanceTelemetry(
        uuid=gpu.instance_uuid(number),
        gpu_instance_id=number,
        compute_instance_id=0,
        profile=instance.profile or None,
        utilization_percent=_utilization(values),
        memory_used_bytes=used,
        memory_total_bytes=total,
        reasons=values.reasons,
    )


def _utilization(values: Values) -> float | None:
    """Return the utilization, or else the graphics engine's active ratio in percent."""
    utilization = values.first(_UTIL, most=100)
    if utilization is None and values.missing_reason(_UTIL) == NOT_EXPORTED:
        active = values.first(_ACTIVE, most=100, scale=100)
        utilization = None if active is None else round(active, 2)
    if utilization is None:
        values.reasons["utilization_percent"] = values.missing_reason(_UTIL, _ACTIVE)
    return utilization


def _instances_utilization(gpu: _Gpu, instances: tuple[InstanceTelemetry, ...]) -> float | None:
    """Return the busy share of all the GPU's slices. Slices outside of instances count as idle."""
    whole = next((few for name, few in _FEWER_SLICES.items() if name in gpu.product), MIG_SLICES)
    busy = 0.0
    for each in instances:
        slices = gpu.instances[each.gpu_instance_id].slices
        if each.utilization_percent is None or slices is None:
            return None
        busy += each.utilization_percent * slices
    return round(min(100.0, busy / whole), 2)


def _memory(values: Values) -> tuple[int | None, int | None]:
    """Return the used and the total bytes. Without an exported total, it is the sum of its parts."""
    used = values.field_value("memory_used_bytes", _USED, most=MAX_MIB)
    total, free = values.first(_TOTAL, most=MAX_MIB), values.first(_FREE, most=MAX_MIB)
    if total is None and used is not None and free is not None:
        total = used + free + (values.first(_RESERVED, most=MAX_MIB) or 0.0)
    if total is None:
        values.reasons["memory_total_bytes"] = values.missing_reason(_TOTAL, _FREE)
    return _bytes(used), _bytes(total)


def _bytes(mib: float | None) -> int | None:
    return None if mib is None else round(mib * _MIB)


def _health(values: Values) -> Health:
    """Return the health by the last XID, which the exporter reports until it restarts.

    A cleanup XID counts as the consequence of another error, whose place it has taken.
    """
    xid = values.first(_XID, most=MAX_XID)
    if xid is None:
        return Health(state="unknown", because=(values.missing_reason(_XID),))
    severity, _ = classify(round(xid), alone=False)
    because = (f"XID {xid:.0f}",)
    if severity == "recovery":
        # The exporter doesn't have the new recovery action.
        return Health(state="unknown", because=because)
    verdict = VERDICTS.get(severity)
    return Health(state="ok") if verdict is None else Health(state=verdict, because=because)
