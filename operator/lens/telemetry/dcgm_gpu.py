"""One GPU of dcgm-exporter: the samples of its fields, and the telemetry that follows from them."""

import re

from lens.model.gpu.mig import compute_slices
from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry
from lens.model.gpu.xids import VERDICTS, Severity, classify
from lens.telemetry.prometheus_parser import MAX_MIB, MIB, NOT_EXPORTED, Values

UTIL, ACTIVE = "DEV_GPU_UTIL", "PROF_GR_ENGINE_ACTIVE"
USED, FREE, TOTAL, RESERVED = "DEV_FB_USED", "DEV_FB_FREE", "DEV_FB_TOTAL", "DEV_FB_RESERVED"
TEMPERATURE, POWER, XID = "DEV_GPU_TEMP", "DEV_POWER_USAGE", "DEV_XID_ERRORS"

MAX_XID = 2.0**32 - 1

_PROFILE = re.compile(r"(?:\d{1,2}c\.)?(\d{1,2})g\.", re.ASCII)


class DcgmInstance:
    """The samples of one GPU instance."""

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.values = Values()

    @property
    def slices(self) -> int | None:
        """The number of its compute slices, from its profile: 3 for 3g.40gb."""
        found = _PROFILE.match(self.profile)
        return int(found[1]) if found else None


class DcgmGpu:
    """The samples of one GPU, and the containers that have it or an instance of it."""

    def __init__(self, index: int, uuid: str, product: str, bus_id: str | None) -> None:
        self.index = index
        self.pci_bus_id = bus_id
        self.uuid = uuid
        self.product = product
        self.values = Values()
        self.instances: dict[int, DcgmInstance] = {}
        self.holders: dict[tuple[Holder, int | None], None] = {}
        self.xids: set[int] = set()

    def instance_uuid(self, number: int | None) -> str | None:
        """Return an instance's UUID in the form from before R470: the exporter doesn't have the real one."""
        return None if number is None else f"MIG-{self.uuid}/{number}/0"


def gpu_telemetry(gpu: DcgmGpu, received_at: float) -> GpuTelemetry:
    """Return a GPU's telemetry as of the epoch second ``received_at``."""
    values = gpu.values
    instances = tuple(_part(gpu, number, each) for number, each in sorted(gpu.instances.items()))
    if instances:
        utilization = _instances_utilization(gpu, instances)
        if utilization is None:
            values.reasons["utilization_percent"] = NOT_EXPORTED
        known = [each.memory_used_bytes for each in instances if each.memory_used_bytes is not None]
        used = sum(known) if len(known) == len(instances) else None
        total = _bytes(values.field_value("memory_total_bytes", TOTAL, most=MAX_MIB))
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
        temperature_celsius=values.field_value("temperature_celsius", TEMPERATURE, most=1000),
        power_watts=values.field_value("power_watts", POWER, most=1e6),
        instances=instances,
        pci_bus_id=gpu.pci_bus_id,
        reasons=values.reasons | {"shares": NOT_EXPORTED},
    )


def _part(gpu: DcgmGpu, number: int, instance: DcgmInstance) -> InstanceTelemetry:
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
    utilization = values.first(UTIL, most=100)
    if utilization is None and values.missing_reason(UTIL) == NOT_EXPORTED:
        utilization = values.first(ACTIVE, most=100, scale=100)
    if utilization is None:
        values.reasons["utilization_percent"] = values.missing_reason(UTIL, ACTIVE)
        return None
    return round(utilization, 2)


def _instances_utilization(gpu: DcgmGpu, instances: tuple[InstanceTelemetry, ...]) -> float | None:
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
    used = values.field_value("memory_used_bytes", USED, most=MAX_MIB)
    total, free = values.first(TOTAL, most=MAX_MIB), values.first(FREE, most=MAX_MIB)
    if total is None and used is not None and free is not None:
        total = used + free + (values.first(RESERVED, most=MAX_MIB) or 0.0)
    if total is None:
        values.reasons["memory_total_bytes"] = values.missing_reason(TOTAL, FREE)
    return _bytes(used), _bytes(total)


def _bytes(mib: float | None) -> int | None:
    return None if mib is None else round(mib * MIB)


def _health(gpu: DcgmGpu) -> Health:
    """Return the health by the worst XID that is known.

    A cleanup XID alone has replaced the error that it follows, which is unknown.
    """
    values = gpu.values
    if not gpu.xids and values.first(XID, most=MAX_XID) is None:
        return Health(state="unknown", because=(values.missing_reason(XID),))
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
