"""NVML through pynvml, one call at a time, each with its own failure.

What a call can't tell becomes None with NVML's name of the error. Nothing here keeps a device's error from
one reading to the next: a GPU that comes back is read again.
"""

import ctypes
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import pynvml

from lens.model.gpu.node_report import Driver

N = TypeVar("N", int, float)

LOST = "GPU_IS_LOST"
TIMEOUT = "TIMEOUT"
OUT_OF_RANGE = "OUT_OF_RANGE"
UNREADABLE = "UNREADABLE"

ERROR_NAMES: Mapping[int, str] = {
    code: name.removeprefix("NVML_ERROR_")
    for name, code in vars(pynvml).items()
    if name.startswith("NVML_ERROR_")
}

NO_DRIVER = frozenset({"LIBRARY_NOT_FOUND", "DRIVER_NOT_LOADED"})
"""What starting NVML says on a node that has no NVIDIA driver."""

DRIVER_GONE = frozenset({"LIB_RM_VERSION_MISMATCH", "DRIVER_NOT_LOADED", "UNINITIALIZED"})
"""What a call says when the driver was unloaded or replaced under a library that is in use."""


def error_name(code: int) -> str:
    """Return NVML's name of an error without its prefix, or ERROR_n for one that pynvml doesn't know."""
    return ERROR_NAMES.get(code, f"ERROR_{code}")


class Reading:
    """One reading of one device: each call's value, or None with the reason kept under a field's name.

    Once the device is lost it isn't asked any more: every call would only say the same, some after a
    timeout.
    """

    def __init__(self) -> None:
        """Start with nothing asked."""
        self.reasons: dict[str, str] = {}
        self.lost = False

    def get(self, field: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Return what ``call`` returns; None when it fails."""
        if self.lost:
            return self.refuse(field, LOST)
        try:
            return call(*arguments)
        except pynvml.NVMLError as error:
            return self.fail(field, error.value)
        except (UnicodeDecodeError, ctypes.ArgumentError):
            return self.refuse(field, UNREADABLE)

    def fail(self, field: str, code: int) -> None:
        """Keep the NVML error that a field has no value for."""
        self.lost = self.lost or code == pynvml.NVML_ERROR_GPU_IS_LOST
        self.refuse(field, error_name(code))

    def checked(self, field: str, value: N | None, most: float) -> N | None:
        """Return a field's value if it lies from 0 to ``most``; None with the reason kept if it doesn't."""
        if value is not None and in_range(value, most) is None:
            self.refuse(field, OUT_OF_RANGE)
            return None
        return value

    def refuse(self, field: str, reason: str) -> None:
        """Keep why a field has no value; the first reason stays."""
        self.reasons.setdefault(field, reason)


def start() -> Driver:
    """Start NVML and say what driver there is. Asking again after a failure is fine."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        reason = error_name(error.value)
        state: Literal["absent", "failed"] = "absent" if reason in NO_DRIVER else "failed"
        return Driver(state=state, reason=reason)
    reading = Reading()
    version = reading.get("version", pynvml.nvmlSystemGetDriverVersion)
    cuda = reading.get("cuda_version", pynvml.nvmlSystemGetCudaDriverVersion_v2)
    return Driver(
        state="ready",
        version=version,
        cuda_version=None if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
    )


def in_range(value: N | None, most: float) -> N | None:
    """Return a value, or None for one that a report can't have: it would cost all the others."""
    return value if value is not None and 0 <= value <= most else None


def percent(value: float) -> float | None:
    """Return a share in percent with one decimal, or None for what can't be one.

    NVML has been seen to give garbage in the billions, and ratios of counters go a little over 100.
    """
    return round(min(value, 100.0), 1) if 0 <= value <= 101 else None


def address(handle: Any) -> int | None:
    """Return what tells device handles apart."""
    return ctypes.cast(handle, ctypes.c_void_p).value
