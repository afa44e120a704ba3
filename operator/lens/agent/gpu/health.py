"""Derive a GPU's health from its values, and the driver's state from those of all GPUs.

A GPU that answers no call is lost, whatever its errors are, unless their cause is the caller, the library or
the driver: then the GPU may be healthy.
"""

from collections.abc import Sequence

from lens.agent.gpu.gpu_reader import MEASURED
from lens.agent.gpu.nvml import DRIVER_GONE, LOST, NOT_YET, UNREADABLE
from lens.model.gpu.node_report import NO_ACTION, ROWS_FAILED, ROWS_PENDING, Driver, Gpu, Health
from lens.model.gpu.xids import VERDICTS

COUNT_CHANGED = "GPU_COUNT_CHANGED"
DEVICES_LOST = "DEVICES_LOST"

RESET_REQUIRED = "RESET_REQUIRED"
"""NVML: the GPU requires a reset before it can be used again."""

NOT_THE_GPUS = DRIVER_GONE | {
    "NO_PERMISSION",
    "OPERATING_SYSTEM",  # cgroups keep the caller from the device
    "LIBRARY_NOT_FOUND",
    "MEMORY",
    "INSUFFICIENT_RESOURCES",
    UNREADABLE,
    NOT_YET,
}
"""Reasons for unreadable values that aren't a problem of the GPU."""

_OF_A_CALL = frozenset(
    {
        "NOT_SUPPORTED",
        "FUNCTION_NOT_FOUND",
        "ARGUMENT_VERSION_MISMATCH",
        "INVALID_ARGUMENT",
        "DEPRECATED",
        "NO_DATA",
    }
)
"""Reasons that don't indicate a problem of the GPU."""


def gpu_health(gpu: Gpu) -> Health:
    """Return a GPU's health. The recovery action is NVIDIA's own verdict, so XIDs decide only without one."""
    reasons = {reason for name, reason in gpu.reasons.items() if name != "xids"}
    if LOST in reasons:
        return Health(state="lost", because=(LOST,))
    if RESET_REQUIRED in reasons:
        return Health(state="critical", because=(RESET_REQUIRED,))
    if is_unreadable(gpu):
        silence = tuple(sorted(reasons - _OF_A_CALL))
        if silence and NOT_THE_GPUS.isdisjoint(silence):
            return Health(state="lost", because=silence)
        return Health(state="unknown", because=tuple(sorted(reasons)))
    critical, warning = [], []
    if gpu.recovery_action not in (None, NO_ACTION):
        critical.append(f"recovery action {gpu.recovery_action}")
    if gpu.remapped_rows is not None and gpu.remapped_rows.failed:
        critical.append(ROWS_FAILED)
    if gpu.remapped_rows is not None and gpu.remapped_rows.pending:
        warning.append(ROWS_PENDING)
    for each in gpu.xids or ():
        verdict = VERDICTS.get(each.severity)
        if verdict == "critical" and gpu.recovery_action is None:
            critical.append(f"XID {each.xid}")
        elif verdict is not None:
            warning.append(f"XID {each.xid}")
    if critical:
        return Health(state="critical", because=(*critical, *warning))
    return Health(state="warning" if warning else "ok", because=tuple(warning))


def is_unreadable(gpu: Gpu) -> bool:
    """Return whether NVML answered none of a GPU's calls."""
    return all(getattr(gpu, name) is None for name in MEASURED if name != "xids")


def driver_state(driver: Driver, known: int, count: int, gpus: Sequence[Gpu], *, once_read: bool) -> Driver:
    """Return the state of a driver that was ready, from a round's number of GPUs and their values.

    One lost GPU is that GPU's fault. If all are lost after they could be read before (``once_read``), or if
    their number changed, the driver or the container is at fault, and only a new process can recover.
    """
    gone = next((each for gpu in gpus for each in gpu.reasons.values() if each in DRIVER_GONE), None)
    if gone is not None:
        reason: str | None = gone
    elif count != known:
        reason = COUNT_CHANGED
    elif gpus and once_read and all(is_unreadable(gpu) for gpu in gpus):
        reason = DEVICES_LOST
    else:
        reason = None
    if reason is None:
        return Driver(state="ready", version=driver.version, cuda_version=driver.cuda_version)
    return Driver(state="failed", reason=reason, version=driver.version, cuda_version=driver.cuda_version)
