"""The report as metrics under dcgm-exporter's names and labels, for its dashboards.

Source: etc/default-counters.csv and internal/pkg/rendermetrics of NVIDIA/dcgm-exporter. In MIG mode it has
one sample for each GPU instance, and repeats the whole GPU's values on each. Only a device of a single pod
has ``pod``, ``namespace`` and ``container``: for a shared device they would name any one of its pods.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from lens.agent.report.prometheus_text import Labels, MetricFamily
from lens.model.gpu.node_report import Gpu, Holder, Instance, Report

_MIB = 2**20


class _Row(NamedTuple):
    """The labels of a sample, its GPU, and in MIG mode its instance."""

    labels: Labels
    gpu: Gpu
    instance: Instance | None


Value = Callable[[_Row], float | bool | None]


def _used(row: _Row) -> float | None:
    used = row.gpu.memory_used_bytes if row.instance is None else row.instance.memory_used_bytes
    return None if used is None else used // _MIB


def _free(row: _Row) -> float | None:
    part = row.gpu if row.instance is None else row.instance
    if part.memory_total_bytes is None or part.memory_used_bytes is None:
        return None
    reserved = (row.gpu.memory_reserved_bytes or 0) if row.instance is None else 0
    return (part.memory_total_bytes - part.memory_used_bytes - reserved) // _MIB


def _engine_active(row: _Row) -> float | None:
    if row.instance is None or row.instance.utilization_percent is None:
        return None
    return round(row.instance.utilization_percent / 100, 6)


def _utilization(row: _Row) -> float | None:
    """Return none in MIG mode, as dcgm-exporter does: its dashboards then use GR_ENGINE_ACTIVE."""
    return None if row.gpu.mig_enabled else row.gpu.utilization_percent


def _energy(row: _Row) -> float | None:
    return None if row.gpu.energy_joules is None else round(row.gpu.energy_joules * 1000)


def _last_xid(row: _Row) -> float | None:
    if row.gpu.xids is None:
        return None
    return row.gpu.xids[0].xid if row.gpu.xids else 0


def _remapped(field: str) -> Value:
    return lambda row: None if row.gpu.remapped_rows is None else getattr(row.gpu.remapped_rows, field)


def _whole(field: str) -> Value:
    return lambda row: getattr(row.gpu, field)


_FIELDS: tuple[tuple[str, Literal["gauge", "counter"], str, Value], ...] = (
    ("DEV_SM_CLOCK", "gauge", "SM clock in MHz.", _whole("clock_sm_mhz")),
    ("DEV_MEM_CLOCK", "gauge", "Memory clock in MHz.", _whole("clock_memory_mhz")),
    ("DEV_GPU_TEMP", "gauge", "Temperature in C.", _whole("temperature_celsius")),
    ("DEV_POWER_USAGE", "gauge", "Power draw in W.", _whole("power_watts")),
    ("DEV_TOTAL_ENERGY_CONSUMPTION", "counter", "Energy in mJ.", _energy),
    ("DEV_GPU_UTIL", "gauge", "Utilization in %.", _utilization),
    ("DEV_XID_ERRORS", "gauge", "Number of the last XID error.", _last_xid),
    ("DEV_FB_FREE", "gauge", "Free memory in MiB.", _free),
    ("DEV_FB_USED", "gauge", "Used memory in MiB.", _used),
    ("DEV_ECC_DBE_VOL_TOTAL", "counter", "ECC errors since driver load.", _whole("ecc_uncorrected_volatile")),
    (
        "DEV_ECC_DBE_AGG_TOTAL",
        "counter",
        "ECC errors over the lifetime.",
        _whole("ecc_uncorrected_aggregate"),
    ),
    ("DEV_UNCORRECTABLE_REMAPPED_ROWS", "counter", "Remapped rows.", _remapped("uncorrectable")),
    ("DEV_CORRECTABLE_REMAPPED_ROWS", "counter", "Remapped rows.", _remapped("correctable")),
    ("DEV_ROW_REMAP_FAILURE", "gauge", "Whether remapping a row failed.", _remapped("failed")),
    ("PROF_GR_ENGINE_ACTIVE", "gauge", "Ratio of time in which the instance was busy.", _engine_active),
)


def metric_families(report: Report) -> Iterator[MetricFamily]:
    """Iterate over the report's metric families."""
    rows = [row for gpu in report.gpus if gpu.uuid is not None for row in _rows(report, gpu)]
    for name, kind, help_, value in _FIELDS:
        yield MetricFamily(f"DCGM_FI_{name}", kind, help_, [(row.labels, value(row)) for row in rows])


def _rows(report: Report, gpu: Gpu) -> Iterator[_Row]:
    held = [each for each in report.holders or () if each.gpu_uuid == gpu.uuid]
    labels: Labels = {
        "gpu": gpu.index,
        "UUID": gpu.uuid,
        "pci_bus_id": gpu.pci_bus_id or "",
        "device": f"nvidia{gpu.index}",
        "modelName": gpu.product or "",
    }
    if not gpu.instances:
        yield _Row({**labels, "Hostname": report.node, **_holder(held)}, gpu, None)
    for each in gpu.instances or ():
        instance: Labels = {"GPU_I_PROFILE": each.profile or "", "GPU_I_ID": each.gpu_instance_id}
        holder = _holder([holder for holder in held if holder.instance_uuid == each.uuid])
        yield _Row({**labels, **instance, "Hostname": report.node, **holder}, gpu, each)


def _holder(holders: list[Holder]) -> Labels:
    if len({(each.namespace, each.pod) for each in holders}) != 1:
        return {}
    return {"pod": holders[0].pod, "namespace": holders[0].namespace, "container": holders[0].container}
