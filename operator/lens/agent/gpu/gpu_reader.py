"""Read one GPU through NVML.

Cheap values are read every round. Values that took NVML milliseconds on an H100 (energy) or a tenth of one
(ECC and MIG mode), and values that hardly change, are read every half minute and kept in between.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pynvml

from lens.agent.gpu.memory import read_memory
from lens.agent.gpu.mig import MigReader
from lens.agent.gpu.nvml import LOST, NvmlQuery, read_uuid
from lens.agent.gpu.processes import ProcessReader
from lens.agent.gpu.utilization import UtilizationReader
from lens.model.gpu.node_report import (
    MAX_AMOUNT,
    MAX_COUNT,
    MAX_NUMBER,
    Gpu,
    Health,
    NvLinks,
    RemappedRows,
)

SLOW_SECONDS = 30.0

IDENTITY = ("uuid", "product", "architecture", "pci_bus_id", "minor_number")
MEASURED = tuple(
    name
    for name in Gpu.__struct_fields__
    if name not in {*IDENTITY, "index", "sampled_at", "health", "reasons"}
)
"""The fields that an unreadable GPU has no values for."""

UNKNOWN_HEALTH = Health(state="unknown")

_ARCHITECTURES: Mapping[int, str] = {
    code: name.removeprefix("NVML_DEVICE_ARCH_").lower()
    for name, code in vars(pynvml).items()
    if name.startswith("NVML_DEVICE_ARCH_")
}
_RECOVERY_ACTIONS: Mapping[int, str] = {
    code: name.removeprefix("NVML_GPU_RECOVERY_ACTION_")
    for name, code in vars(pynvml).items()
    if name.startswith("NVML_GPU_RECOVERY_ACTION_")
}
_CLOCK_EVENTS = (
    (0x1, "gpu_idle"),
    (0x2, "application_clocks"),
    (0x4, "sw_power_cap"),
    (0x8, "hw_slowdown"),
    (0x10, "sync_boost"),
    (0x20, "sw_thermal_slowdown"),
    (0x40, "hw_thermal_slowdown"),
    (0x80, "hw_power_brake"),
    (0x100, "display_clocks"),
)
"""NVML's nvmlClocksEventReasons."""


def unreadable_gpu(index: int, reason: str, now: float, identity: Mapping[str, Any]) -> Gpu:
    """Return a GPU without measured values for ``reason``, with the identity that was read before."""
    missing = [name for name in IDENTITY if identity.get(name) is None]
    known: dict[str, Any] = {"uuid": None, **identity}
    return Gpu(
        index=index,
        sampled_at=now,
        health=UNKNOWN_HEALTH,
        reasons=dict.fromkeys((*missing, *MEASURED), reason),
        **known,
    )


class GpuReader:
    """Read the GPU with one index, round after round. Not thread-safe."""

    def __init__(self, index: int) -> None:
        """Start without known values."""
        self.index = index
        self.identity: dict[str, Any] = {}
        self._handle: Any = None
        self._slow_at: float | None = None
        self._slow: dict[str, Any] = {}
        self._slow_reasons: dict[str, str] = {}
        self._utilization = UtilizationReader()
        self._mig = MigReader()
        self._processes = ProcessReader()

    def read(self, now: float) -> Gpu:
        """Return the GPU's values at ``now``, in epoch seconds."""
        query = NvmlQuery()
        if self._handle is None:
            self._handle = query.get("uuid", pynvml.nvmlDeviceGetHandleByIndex, self.index)
            if self._handle is None:
                return unreadable_gpu(self.index, query.reasons["uuid"], now, self.identity)
        values = self._read_fast(query, now)
        due = self._slow_at is None or not 0 <= now - self._slow_at < SLOW_SECONDS
        # A GPU that answers no call keeps no slow values either.
        if due or all(value is None for value in values.values()):
            self._read_slow(query)
            self._slow_at = now
        reasons = dict[str, str]()
        instances = self._mig.read(self._handle, now, reasons)
        utilization = (
            self._mig.utilization(reasons)
            if self._mig.enabled
            else self._utilization.read(query, self._handle)
        )
        if query.lost:
            self._slow_at = None
            return unreadable_gpu(self.index, LOST, now, self.identity)
        return Gpu(
            index=self.index,
            sampled_at=now,
            health=UNKNOWN_HEALTH,
            mig_enabled=self._mig.enabled,
            instances=instances,
            utilization_percent=utilization.percent,
            utilization_window_seconds=utilization.window_seconds,
            utilization_source=utilization.source,
            reasons={**self._slow_reasons, **reasons, **query.reasons},
            **{"uuid": None, **self.identity},
            **values,
            **self._slow,
        )

    def _read_slow(self, fast: NvmlQuery) -> None:
        query = NvmlQuery()
        query.lost = fast.lost
        self._mig.refresh(self._handle)
        self._read_identity(query)
        energy = query.get("energy_joules", pynvml.nvmlDeviceGetTotalEnergyConsumption, self._handle)
        ecc = query.get("ecc_enabled", pynvml.nvmlDeviceGetEccMode, self._handle)
        self._slow = {
            "energy_joules": None
            if energy is None
            else query.in_bounds("energy_joules", energy / 1000, MAX_AMOUNT),
            "ecc_enabled": None if ecc is None else bool(ecc[0]),
            "nvlinks": _nvlinks(query, self._handle),
        }
        self._slow_reasons = {name: why for name, why in query.reasons.items() if name not in self.identity}

    def _read_identity(self, query: NvmlQuery) -> None:
        """Read the GPU's identity. Values that were known stay known."""
        handle, get = self._handle, query.get
        architecture = get("architecture", pynvml.nvmlDeviceGetArchitecture, handle)
        found = {
            "uuid": read_uuid(query, handle),
            "product": get("product", pynvml.nvmlDeviceGetName, handle),
            "minor_number": get("minor_number", pynvml.nvmlDeviceGetMinorNumber, handle),
            "pci_bus_id": get("pci_bus_id", _bus_id, handle),
            "architecture": None if architecture is None else _ARCHITECTURES.get(architecture, "unknown"),
        }
        self.identity |= {name: value for name, value in found.items() if value is not None}

    def _read_fast(self, query: NvmlQuery, now: float) -> dict[str, Any]:
        handle, get = self._handle, query.get
        memory = read_memory(query, handle)
        power = get("power_watts", pynvml.nvmlDeviceGetPowerUsage, handle)
        limit = get("power_limit_watts", pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        events = query.newest(
            "clock_events",
            partial(pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle),
            partial(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle),
        )
        temperature = query.newest(
            "temperature_celsius",
            # NVML's header announces that CUDA 14 removes the one without a version.
            partial(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
            partial(pynvml.nvmlDeviceGetTemperatureV, handle, pynvml.NVML_TEMPERATURE_GPU),
        )
        rows = get("remapped_rows", pynvml.nvmlDeviceGetRemappedRows, handle)
        uncorrected = pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED
        return {
            "memory_total_bytes": memory.total,
            "memory_used_bytes": memory.used,
            "memory_reserved_bytes": memory.reserved,
            "temperature_celsius": query.in_bounds("temperature_celsius", temperature, MAX_NUMBER),
            "power_watts": None if power is None else power / 1000,
            "power_limit_watts": None if limit is None else limit / 1000,
            "clock_sm_mhz": get("clock_sm_mhz", pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
            "clock_memory_mhz": get(
                "clock_memory_mhz", pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM
            ),
            "clock_events": None
            if events is None
            else tuple(name for bit, name in _CLOCK_EVENTS if events & bit),
            **{
                field: query.in_bounds(
                    field,
                    get(field, pynvml.nvmlDeviceGetTotalEccErrors, handle, uncorrected, counter),
                    MAX_COUNT,
                )
                for field, counter in (
                    ("ecc_uncorrected_volatile", pynvml.NVML_VOLATILE_ECC),
                    ("ecc_uncorrected_aggregate", pynvml.NVML_AGGREGATE_ECC),
                )
            },
            "remapped_rows": None
            if rows is None
            else RemappedRows(
                correctable=rows[0], uncorrectable=rows[1], pending=bool(rows[2]), failed=bool(rows[3])
            ),
            "recovery_action": _recovery_action(query, handle),
            "processes": self._processes.read(query, handle, now),
        }


def _bus_id(handle: Any) -> str:
    return str(pynvml.nvmlDeviceGetPciInfo(handle).busId)


def _field(query: NvmlQuery, name: str, handle: Any, field: int) -> int | None:
    """Return an NVML field value as an integer; each field has a return code of its own."""
    values = query.get(name, pynvml.nvmlDeviceGetFieldValues, handle, [field])
    if values is None:
        return None
    if values[0].nvmlReturn != pynvml.NVML_SUCCESS:
        query.set_error(name, values[0].nvmlReturn)
        return None
    return int(values[0].value.uiVal)


def _recovery_action(query: NvmlQuery, handle: Any) -> str | None:
    action = _field(query, "recovery_action", handle, pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION)
    return None if action is None else _RECOVERY_ACTIONS.get(action, f"ACTION_{action}")


def _nvlinks(query: NvmlQuery, handle: Any) -> NvLinks | None:
    count = _field(query, "nvlinks", handle, pynvml.NVML_FI_DEV_NVLINK_LINK_COUNT)
    if count is None:
        return None
    down = []
    for link in range(min(count, pynvml.NVML_NVLINK_MAX_LINKS)):
        active = query.get("nvlinks", pynvml.nvmlDeviceGetNvLinkState, handle, link)
        if active is None:
            return None
        if not active:
            down.append(link)
    return NvLinks(up=count - len(down), down=tuple(down))
