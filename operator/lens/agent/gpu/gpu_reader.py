"""Read one GPU.

What is cheap is read every round. What took NVML milliseconds on an H100 (energy) or a tenth of one (ECC
and MIG mode), and what hardly changes, is read every half minute and kept in between.
"""

from collections.abc import Mapping
from typing import Any

import pynvml

from lens.agent.gpu.mig import MigReader
from lens.agent.gpu.nvml import LOST, Reading
from lens.agent.gpu.processes import ProcessReader
from lens.agent.gpu.utilization import UtilizationReader
from lens.model.gpu.node_report import MOST_AMOUNT, MOST_COUNT, Gpu, Health, NvLinks, RemappedRows

SLOW_SECONDS = 30.0

IDENTITY = ("uuid", "product", "architecture", "pci_bus_id", "minor_number")
MEASURED = tuple(
    name
    for name in Gpu.__struct_fields__
    if name not in {*IDENTITY, "index", "sampled_at", "health", "reasons"}
)
"""What a GPU that can't be asked has no values for."""

UNJUDGED = Health(state="unknown")

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


def unread(index: int, reason: str, now: float, identity: Mapping[str, Any]) -> Gpu:
    """Return a GPU of which nothing but what was known before can be told, for ``reason``."""
    missing = [name for name in IDENTITY if identity.get(name) is None]
    known: dict[str, Any] = {"uuid": None, **identity}
    return Gpu(
        index=index,
        sampled_at=now,
        health=UNJUDGED,
        reasons=dict.fromkeys((*missing, *MEASURED), reason),
        **known,
    )


class GpuReader:
    """Read the GPU with one index, round after round. To be used by one thread."""

    def __init__(self, index: int) -> None:
        """Start with nothing known of it."""
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
        """Return the GPU as it is at ``now``, epoch seconds."""
        reading = Reading()
        if self._handle is None:
            self._handle = reading.get("uuid", pynvml.nvmlDeviceGetHandleByIndex, self.index)
            if self._handle is None:
                return unread(self.index, reading.reasons["uuid"], now, self.identity)
        values = self._read_quick(reading, now)
        due = self._slow_at is None or not 0 <= now - self._slow_at < SLOW_SECONDS
        # Of a GPU that answers nothing any more nothing is kept either.
        if due or all(value is None for value in values.values()):
            self._read_slow(reading)
            self._slow_at = now
        reasons = dict[str, str]()
        instances = self._mig.read(self._handle, now, reasons)
        utilization = (
            self._mig.utilization(reasons)
            if self._mig.enabled
            else self._utilization.read(reading, self._handle)
        )
        if reading.lost:
            self._slow_at = None
            return unread(self.index, LOST, now, self.identity)
        return Gpu(
            index=self.index,
            sampled_at=now,
            health=UNJUDGED,
            mig_enabled=self._mig.enabled,
            instances=instances,
            utilization_percent=utilization.percent,
            utilization_window_seconds=utilization.window_seconds,
            utilization_source=utilization.source,
            reasons={**self._slow_reasons, **reasons, **reading.reasons},
            **{"uuid": None, **self.identity},
            **values,
            **self._slow,
        )

    def _read_slow(self, quick: Reading) -> None:
        reading = Reading()
        reading.lost = quick.lost
        self._mig.look(self._handle)
        self._read_identity(reading)
        energy = reading.get("energy_joules", pynvml.nvmlDeviceGetTotalEnergyConsumption, self._handle)
        ecc = reading.get("ecc_enabled", pynvml.nvmlDeviceGetEccMode, self._handle)
        self._slow = {
            "energy_joules": None
            if energy is None
            else reading.checked("energy_joules", energy / 1000, MOST_AMOUNT),
            "ecc_enabled": None if ecc is None else bool(ecc[0]),
            "nvlinks": _nvlinks(reading, self._handle),
        }
        self._slow_reasons = {name: why for name, why in reading.reasons.items() if name not in self.identity}

    def _read_identity(self, reading: Reading) -> None:
        """Ask who the GPU is. What was known stays known."""
        handle, get = self._handle, reading.get
        architecture = get("architecture", pynvml.nvmlDeviceGetArchitecture, handle)
        found = {
            "uuid": get("uuid", pynvml.nvmlDeviceGetUUID, handle),
            "product": get("product", pynvml.nvmlDeviceGetName, handle),
            "minor_number": get("minor_number", pynvml.nvmlDeviceGetMinorNumber, handle),
            "pci_bus_id": get("pci_bus_id", _bus_id, handle),
            "architecture": None if architecture is None else _ARCHITECTURES.get(architecture, "unknown"),
        }
        self.identity |= {name: value for name, value in found.items() if value is not None}

    def _read_quick(self, reading: Reading, now: float) -> dict[str, Any]:
        handle, get = self._handle, reading.get
        memory = get("memory_used_bytes", pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
        if memory is None:
            for name in ("memory_total_bytes", "memory_reserved_bytes"):
                reading.refuse(name, reading.reasons["memory_used_bytes"])
        power = get("power_watts", pynvml.nvmlDeviceGetPowerUsage, handle)
        limit = get("power_limit_watts", pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        events = get("clock_events", pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle)
        rows = get("remapped_rows", pynvml.nvmlDeviceGetRemappedRows, handle)
        uncorrected = pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED
        return {
            **{
                f"memory_{name}_bytes": None
                if memory is None
                else reading.checked(f"memory_{name}_bytes", getattr(memory, name), MOST_COUNT)
                for name in ("total", "used", "reserved")
            },
            "temperature_celsius": get(
                "temperature_celsius", pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU
            ),
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
                field: reading.checked(
                    field,
                    get(field, pynvml.nvmlDeviceGetTotalEccErrors, handle, uncorrected, counter),
                    MOST_COUNT,
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
            "recovery_action": _recovery_action(reading, handle),
            "processes": self._processes.read(reading, handle, now),
        }


def _bus_id(handle: Any) -> str:
    return str(pynvml.nvmlDeviceGetPciInfo(handle).busId)


def _field(reading: Reading, name: str, handle: Any, field: int) -> int | None:
    """Return a whole number that NVML has as a field; each field has a return code of its own."""
    values = reading.get(name, pynvml.nvmlDeviceGetFieldValues, handle, [field])
    if values is None:
        return None
    if values[0].nvmlReturn != pynvml.NVML_SUCCESS:
        reading.fail(name, values[0].nvmlReturn)
        return None
    return int(values[0].value.uiVal)


def _recovery_action(reading: Reading, handle: Any) -> str | None:
    action = _field(reading, "recovery_action", handle, pynvml.NVML_FI_DEV_GET_GPU_RECOVERY_ACTION)
    return None if action is None else _RECOVERY_ACTIONS.get(action, f"ACTION_{action}")


def _nvlinks(reading: Reading, handle: Any) -> NvLinks | None:
    count = _field(reading, "nvlinks", handle, pynvml.NVML_FI_DEV_NVLINK_LINK_COUNT)
    if count is None:
        return None
    down = []
    for link in range(min(count, pynvml.NVML_NVLINK_MAX_LINKS)):
        active = reading.get("nvlinks", pynvml.nvmlDeviceGetNvLinkState, handle, link)
        if active is None:
            return None
        if not active:
            down.append(link)
    return NvLinks(up=count - len(down), down=tuple(down))
