"""Parse NVIDIA's dcgm-exporter by the names of its default counters.

Source: etc/default-counters.csv and internal/pkg/rendermetrics of NVIDIA/dcgm-exporter. From 4.9.0 on they
are the names of DCGM 4.7, most of them in other units. In MIG mode it has a sample for each GPU instance, and
repeats the whole GPU's values on each. It has no timestamps: its samples are up to a collect interval old,
and count as just taken. It has the last XID of each GPU, those of a time window if DCGM_EXP_XID_ERRORS_COUNT
is on, and all since its start if DCGM_EXP_XID_ERRORS_TOTAL is on; an XID that it had before counts until the
exporter restarts.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from sys import intern

import msgspec

from lens.model.gpu.device_ids import pci_bus_id
from lens.model.gpu.identities import identity
from lens.model.gpu.mig import compute_slices
from lens.model.gpu.node_report import (
    MOST_GPUS,
    MOST_HOLDERS,
    MOST_INSTANCES,
    MOST_XIDS,
    Health,
    Holder,
)
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry
from lens.model.gpu.xids import VERDICTS, Severity, classify
from lens.telemetry.prometheus_parser import (
    MAX_MIB,
    MIB,
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

_PREFIX = "DCGM_FI_"
_UTIL, _ACTIVE = "DEV_GPU_UTIL", "PROF_GR_ENGINE_ACTIVE"
_USED, _FREE, _TOTAL, _RESERVED = "DEV_FB_USED", "DEV_FB_FREE", "DEV_FB_TOTAL", "DEV_FB_RESERVED"
_TEMPERATURE, _POWER, _XID = "DEV_GPU_TEMP", "DEV_POWER_USAGE", "DEV_XID_ERRORS"
_XID_COUNT = "XID_COUNT"

_RENAMED = {
    "DEV_GPU_UTIL_RATIO": (_UTIL, 100.0),
    "PROF_GR_ENGINE_UTIL_RATIO": (_ACTIVE, 1.0),
    "DEV_FB_USED_BYTES": (_USED, 1 / MIB),
    "DEV_FB_FREE_BYTES": (_FREE, 1 / MIB),
    "DEV_FB_CAPACITY_BYTES": (_TOTAL, 1 / MIB),
    "DEV_FB_RESERVED_BYTES": (_RESERVED, 1 / MIB),
    "DEV_GPU_TEMP_CELSIUS": (_TEMPERATURE, 1.0),
    "DEV_BOARD_POWER_WATTS": (_POWER, 1.0),
    "DEV_XID_ERROR": (_XID, 1.0),
}
"""What DCGM 4.7 calls a field, and by what its unit is multiplied to be the older one."""

_WANTED = {
    f"{_PREFIX}{name}".encode(): name
    for name in (_UTIL, _ACTIVE, _USED, _FREE, _TOTAL, _RESERVED, _TEMPERATURE, _POWER, _XID, *_RENAMED)
} | {f"DCGM_EXP_XID_ERRORS_{kind}".encode(): _XID_COUNT for kind in ("COUNT", "TOTAL")}

_PROFILE = re.compile(r"(?:\d{1,2}c\.)?(\d{1,2})g\.", re.ASCII)

MAX_XID = 2.0**32 - 1

_GpuKey = tuple[str, int]
"""A GPU's uuid and index in the exporter's labels."""


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

    def __init__(self, index: int, uuid: str, product: str, bus_id: str | None) -> None:
        self.index = index
        self.pci_bus_id = bus_id
        self.uuid = uuid
        self.product = product
        self.values = Values()
        self.instances: dict[int, _Instance] = {}
        self.holders: dict[tuple[Holder, int | None], None] = {}
        self.xids: set[int] = set()

    def instance_uuid(self, number: int | None) -> str | None:
        """Return an instance's UUID in the form from before R470: the exporter doesn't have the real one."""
        return None if number is None else f"MIG-{self.uuid}/{number}/0"


class DcgmReader:
    """Parse the responses of one dcgm-exporter, and remember the XIDs that it had."""

    def __init__(self, target: Target) -> None:
        """Remember nothing yet."""
        self._target = target
        self._xids: dict[_GpuKey, set[int]] = {}

    def __call__(self, answer: ScrapeResponse, received_at: float) -> ScrapeResult:
        """Parse a response. Raise ScrapeError."""
        return read_dcgm(self._target, answer, received_at, self._xids)


def read_dcgm(
    target: Target,
    answer: ScrapeResponse,
    received_at: float,
    known_xids: dict[_GpuKey, set[int]] | None = None,
) -> ScrapeResult:
    """Parse a response of dcgm-exporter. Raise ScrapeError.

    ``known_xids`` are those of earlier responses, and get those of this one.
    """
    found: dict[_GpuKey, _Gpu] = {}
    exposition = Exposition(answer.body, _WANTED.get)
    exposition.read(lambda sample: _add_sample(sample, found))
    if known_xids is not None:
        _remember_xids(found, known_xids)
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
        "invalid": out_of_range or bool(exposition.malformed_lines),
        "cut": bool(truncated),
    }
    return ScrapeResult(telemetry, frozenset(reason for reason, found in warnings.items() if found))


def _remember_xids(gpus: dict[_GpuKey, _Gpu], known: dict[_GpuKey, set[int]]) -> None:
    """Add to each GPU the XIDs of earlier responses, unless the exporter lost them in a restart."""
    for key, gpu in gpus.items():
        if gpu.xids:
            gpu.xids |= set(islice(known.get(key, ()), MOST_XIDS))
        elif gpu.values.first(_XID, most=MAX_XID) is None:
            gpu.xids = set(known.get(key, ()))
    known.clear()
    known.update((key, gpu.xids) for key, gpu in gpus.items() if gpu.xids)


def _add_sample(sample: Sample, gpus: dict[_GpuKey, _Gpu]) -> None:
    """Add a sample to its GPU or instance, and the container that it names. Raise MalformedLineError."""
    labels = sample.labels
    metric, scale = _RENAMED.get(sample.metric, (sample.metric, 1.0))
    value = sample.value * scale
    # A GPU without any XID has a 0 that names none.
    counted_xid = number(labels, "xid") if metric == _XID_COUNT and value else None
    uuid, index = labels.get("UUID") or labels.get("uuid", ""), number(labels, "gpu")
    gpu_instance = number(labels, "GPU_I_ID") if labels.get("GPU_I_ID") else None
    gpu = gpus.get((uuid, index))
    if gpu is None:
        if len(gpus) >= MOST_GPUS:
            raise ScrapeError("invalid", f"answers what can't be: more than {MOST_GPUS} GPUs on a node")
        gpu = gpus[uuid, index] = _Gpu(
            index, uuid, intern(labels.get("modelName", "")), pci_bus_id(labels.get("pci_bus_id", ""))
        )
    if metric == _XID_COUNT:
        if counted_xid is not None and value > 0 and len(gpu.xids) < MOST_XIDS:
            gpu.xids.add(counted_xid)
        return
    if metric == _XID and 1 <= value <= MAX_XID and len(gpu.xids) < MOST_XIDS:
        gpu.xids.add(round(value))
    instance = None if gpu_instance is None else _instance(labels, gpu, gpu_instance)
    if instance is None or metric in (_UTIL, _TEMPERATURE, _POWER, _XID):
        gpu.values.set(metric, value)
    else:
        instance.values.set(metric, value)
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
        health=_health(gpu),
        product=gpu.product or None,
        utilization_percent=utilization,
        memory_used_bytes=used,
        memory_total_bytes=total,
        temperature_celsius=values.field_value("temperature_celsius", _TEMPERATURE, most=1000),
        power_watts=values.field_value("power_watts", _POWER, most=1e6),
        instances=instances,
        pci_bus_id=gpu.pci_bus_id,
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
        utilization = values.first(_ACTIVE, most=100, scale=100)
    if utilization is None:
        values.reasons["utilization_percent"] = values.missing_reason(_UTIL, _ACTIVE)
        return None
    return round(utilization, 2)


def _instances_utilization(gpu: _Gpu, instances: tuple[InstanceTelemetry, ...]) -> float | None:
    """Return the busy share of all the GPU's slices. Slices outside of instances count as idle."""
    busy = 0.0
    for each in instances:
        slices = gpu.instances[each.gpu_instance_id].slices
        if each.utilization_percent is None or slices is None:
            return None
        busy += each.utilization_percent * slices
    return round(min(100.0, busy / compute_slices(gpu.product)), 2)


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
    return None if mib is None else round(mib * MIB)


def _health(gpu: _Gpu) -> Health:
    """Return the health by the worst XID that is known.

    A cleanup XID without another one has taken the place of the error that it follows, which nobody knows.
    """
    values = gpu.values
    if not gpu.xids and values.first(_XID, most=MAX_XID) is None:
        return Health(state="unknown", because=(values.missing_reason(_XID),))
    by_severity: dict[Severity, list[str]] = {}
    for xid in sorted(gpu.xids):
        severity, _ = classify(xid, alone=len(gpu.xids) == 1)
        by_severity.setdefault(severity, []).append(f"XID {xid}")
    critical = by_severity.get("critical", [])
    warning = [
        xid for severity, xids in by_severity.items() if VERDICTS.get(severity) == "warning" for xid in xids
    ]
    if critical or warning:
        return Health(state="critical" if critical else "warning", because=(*critical, *warning))
    # The exporter doesn't have the new recovery action.
    recovery = by_severity.get("recovery", [])
    return Health(state="unknown", because=tuple(recovery)) if recovery else Health(state="ok")
