"""Call NVML through pynvml, one call at a time, each with its own error.

A failed call returns None, and the query keeps NVML's name of the error. No error outlives its query, so a
GPU that recovers is read again. Whatever else pynvml raises costs that value too, and no other.
"""

import ctypes
import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import pynvml

from lens.model.gpu.identities import identity
from lens.model.gpu.node_report import Driver

N = TypeVar("N", int, float)

LOST = "GPU_IS_LOST"
TIMEOUT = "TIMEOUT"
NOT_YET = "NOT_YET"
OUT_OF_RANGE = "OUT_OF_RANGE"
UNREADABLE = "UNREADABLE"
PLACEHOLDER = "PLACEHOLDER"
FUNCTION_NOT_FOUND = "FUNCTION_NOT_FOUND"

ERROR_NAMES: Mapping[int, str] = {
    code: name.removeprefix("NVML_ERROR_")
    for name, code in vars(pynvml).items()
    if name.startswith("NVML_ERROR_")
}

NO_DRIVER = frozenset({"LIBRARY_NOT_FOUND", "DRIVER_NOT_LOADED"})
"""The errors of nvmlInit on a node without an NVIDIA driver."""

DRIVER_GONE = frozenset({"LIB_RM_VERSION_MISMATCH", "DRIVER_NOT_LOADED", "UNINITIALIZED"})
"""The errors of a call after the driver was unloaded or replaced while the library is in use."""

_MISSING = frozenset({FUNCTION_NOT_FOUND, "ARGUMENT_VERSION_MISMATCH"})
"""The errors of a call that the node's library doesn't have, or not in this version."""

_log = logging.getLogger("lens.agent.nvml")


def error_name(code: int) -> str:
    """Return NVML's name of an error without its prefix, or ERROR_n for an error unknown to pynvml."""
    return ERROR_NAMES.get(code, f"ERROR_{code}")


class NvmlQuery:
    """NVML calls for one device: each returns a value, or None and keeps the reason under a field's name.

    After GPU_IS_LOST no further call is made: each would return the same error, some only after a timeout.
    """

    def __init__(self) -> None:
        """Start without errors."""
        self.reasons: dict[str, str] = {}
        self.lost = False

    def get(self, field: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Return the result of ``call``, or None if it fails."""
        if self.lost:
            return self.set_reason(field, LOST)
        try:
            return call(*arguments)
        except pynvml.NVMLError as error:
            return self.set_error(field, error.value)
        except pynvml.NVMLLibraryMismatchError:
            # pynvml raises it in place of FUNCTION_NOT_FOUND, and it is no NVMLError.
            return self.set_reason(field, FUNCTION_NOT_FOUND)
        except Exception:
            _log.debug("an NVML call can't be made", extra={"field": field}, exc_info=True)
            return self.set_reason(field, UNREADABLE)

    def newest(self, field: str, *calls: Callable[..., Any]) -> Any:
        """Return the result of the first call that the node's library has: versions of one, in order."""
        for call in calls[:-1]:
            attempt = NvmlQuery()
            attempt.lost = self.lost
            result = attempt.get(field, call)
            if attempt.reasons.get(field) not in _MISSING:
                self.lost = attempt.lost
                if field in attempt.reasons:
                    self.set_reason(field, attempt.reasons[field])
                return result
        return self.get(field, calls[-1])

    def set_error(self, field: str, code: int) -> None:
        """Keep the NVML error code that a field has no value for."""
        self.lost = self.lost or code == pynvml.NVML_ERROR_GPU_IS_LOST
        self.set_reason(field, error_name(code))

    def in_bounds(self, field: str, value: N | None, most: float) -> N | None:
        """Return a field's value from 0 to ``most``. For any other, return None and keep the reason."""
        if value is not None and in_range(value, most) is None:
            self.set_reason(field, OUT_OF_RANGE)
            return None
        return value

    def set_reason(self, field: str, reason: str) -> None:
        """Keep the reason why a field has no value, unless it already has one."""
        self.reasons.setdefault(field, reason)


def init() -> Driver:
    """Initialize NVML and return the driver's state. It may be called again after a failure."""
    query = NvmlQuery()
    query.get("state", pynvml.nvmlInit)
    if (reason := query.reasons.get("state")) is not None:
        state: Literal["absent", "failed"] = "absent" if reason in NO_DRIVER else "failed"
        return Driver(state=state, reason=reason)
    version = query.get("version", pynvml.nvmlSystemGetDriverVersion)
    cuda = query.newest(
        "cuda_version", pynvml.nvmlSystemGetCudaDriverVersion_v2, pynvml.nvmlSystemGetCudaDriverVersion
    )
    return Driver(
        state="ready",
        version=version,
        cuda_version=None if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
    )


def read_uuid(query: NvmlQuery, handle: Any) -> str | None:
    """Return the uuid of a GPU or a MIG device, or None and keep the reason."""
    uuid = query.get("uuid", pynvml.nvmlDeviceGetUUID, handle)
    if uuid is not None and identity(uuid) is None:
        query.set_reason("uuid", PLACEHOLDER)
    return identity(uuid)


def in_range(value: N | None, most: float) -> N | None:
    """Return a value, or None if it is out of range: the operator would reject the whole report."""
    return value if value is not None and 0 <= value <= most else None


def valid_percent(value: float) -> float | None:
    """Return a percentage with one decimal, or None if it is out of range.

    NVML has returned values in the billions, and ratios of its counters exceed 100 by a little.
    """
    return round(min(value, 100.0), 1) if 0 <= value <= 101 else None


def handle_address(handle: Any) -> int | None:
    """Return the address that identifies a device handle."""
    return ctypes.cast(handle, ctypes.c_void_p).value
