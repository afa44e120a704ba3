"""NVML's errors by name, and what the agent's functions are asked for."""

import pynvml

from lens_sim.node.nvml.scenario import Fault

FIELDS = {
    "nvmlDeviceGetUUID": ("uuid",),
    "nvmlDeviceGetName": ("product",),
    "nvmlDeviceGetArchitecture": ("architecture",),
    "nvmlDeviceGetPciInfo_v3": ("pci_bus_id",),
    "nvmlDeviceGetMinorNumber": ("minor_number",),
    "nvmlDeviceGetMemoryInfo_v2": ("memory_total_bytes", "memory_used_bytes", "memory_reserved_bytes"),
    "nvmlDeviceGetTemperature": ("temperature_celsius",),
    "nvmlDeviceGetPowerUsage": ("power_watts",),
    "nvmlDeviceGetEnforcedPowerLimit": ("power_limit_watts",),
    "nvmlDeviceGetTotalEnergyConsumption": ("energy_joules",),
    "nvmlDeviceGetClockInfo": ("clock_sm_mhz", "clock_memory_mhz"),
    "nvmlDeviceGetCurrentClocksEventReasons": ("clock_events",),
    "nvmlDeviceGetEccMode": ("ecc_enabled",),
    "nvmlDeviceGetTotalEccErrors": ("ecc_uncorrected_volatile", "ecc_uncorrected_aggregate"),
    "nvmlDeviceGetRemappedRows": ("remapped_rows",),
    "nvmlDeviceGetFieldValues": ("recovery_action", "nvlinks"),
    "nvmlDeviceGetFieldValues:230": ("recovery_action",),
    "nvmlDeviceGetNvLinkState": ("nvlinks",),
    "nvmlDeviceGetMigMode": ("mig_enabled", "instances"),
    "nvmlDeviceGetComputeRunningProcesses_v3": ("processes",),
    "nvmlDeviceRegisterEvents": ("xids",),
}
"""By function, the report's fields that come of it."""

VERSIONS = {
    "nvmlDeviceGetComputeRunningProcesses_v3": "nvmlDeviceGetComputeRunningProcesses_v2",
    "nvmlDeviceGetMemoryInfo_v2": "nvmlDeviceGetMemoryInfo",
    "nvmlDeviceGetCurrentClocksEventReasons": "nvmlDeviceGetCurrentClocksThrottleReasons",
    "nvmlSystemGetCudaDriverVersion_v2": "nvmlSystemGetCudaDriverVersion",
    "nvmlDeviceGetTemperature": "nvmlDeviceGetTemperatureV",
}
"""Functions that drivers may lack, and those of other drivers that tell the same."""


def code(name: str) -> int:
    """Return an error's number."""
    return int(getattr(pynvml, f"NVML_ERROR_{name}"))


def fault(function: str, name: str, since: float = 0.0) -> Fault:
    """Return the fault of a function that fails with an error."""
    return Fault(function, code(name), since)
