"""A nvidia-smi: asks NVML as the real one does, and writes what `--query-gpu` asks for in its form.

FAKE_SMI_SAYS names a JSON file with what it says for some fields instead.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pynvml

MIB = 2**20
SWITCH = ("Disabled", "Enabled")


def main() -> int:
    """Answer."""
    query, form = sys.argv[1:]
    if form != "--format=csv,noheader,nounits":
        print(f"Invalid format {form}")
        return 2
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        print("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n")
        return 9
    says = json.loads(Path(os.environ["FAKE_SMI_SAYS"]).read_text())
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        known = {"index": str(index), **says}
        print(
            ", ".join(_value(name, handle, known) for name in query.removeprefix("--query-gpu=").split(","))
        )
    return 0


def _value(name: str, handle: Any, known: Mapping[str, str]) -> str:
    if name in known:
        return known[name]
    try:
        return str(ASKED[name](handle))
    except pynvml.NVMLError_NotSupported:
        return "[N/A]"


def _memory(handle: Any) -> Any:
    return pynvml.nvmlDeviceGetMemoryInfo(handle, pynvml.nvmlMemory_v2)


def _clock(handle: Any, clock: int) -> int:
    return int(pynvml.nvmlDeviceGetClockInfo(handle, clock))


def _ecc_errors(handle: Any, counter: int) -> int:
    uncorrected = pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED
    return int(pynvml.nvmlDeviceGetTotalEccErrors(handle, uncorrected, counter))


ASKED: Mapping[str, Callable[[Any], object]] = {
    "uuid": pynvml.nvmlDeviceGetUUID,
    "name": pynvml.nvmlDeviceGetName,
    "pci.bus_id": lambda handle: pynvml.nvmlDeviceGetPciInfo(handle).busId,
    "driver_version": lambda _: pynvml.nvmlSystemGetDriverVersion(),
    "memory.total": lambda handle: round(_memory(handle).total / MIB),
    "memory.reserved": lambda handle: round(_memory(handle).reserved / MIB),
    "memory.used": lambda handle: round(_memory(handle).used / MIB),
    "utilization.gpu": lambda handle: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
    "temperature.gpu": lambda handle: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
    "power.draw": lambda handle: f"{pynvml.nvmlDeviceGetPowerUsage(handle) / 1000:.2f}",
    "enforced.power.limit": lambda handle: f"{pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000:.2f}",
    "clocks.current.sm": lambda handle: _clock(handle, pynvml.NVML_CLOCK_SM),
    "clocks.current.memory": lambda handle: _clock(handle, pynvml.NVML_CLOCK_MEM),
    "ecc.mode.current": lambda handle: SWITCH[pynvml.nvmlDeviceGetEccMode(handle)[0]],
    "ecc.errors.uncorrected.volatile.total": lambda handle: _ecc_errors(handle, pynvml.NVML_VOLATILE_ECC),
    "ecc.errors.uncorrected.aggregate.total": lambda handle: _ecc_errors(handle, pynvml.NVML_AGGREGATE_ECC),
    "mig.mode.current": lambda handle: SWITCH[pynvml.nvmlDeviceGetMigMode(handle)[0]],
}

if __name__ == "__main__":
    sys.exit(main())
