"""NVIDIA's catalogue of XID errors, as far as it says what to do.

Source: https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html, for Ampere and later.
``critical`` asks for a reset or a reboot, ``workflow`` for NVIDIA's own procedure, ``warning`` for an eye
on it; ``application`` is most often the program's fault and nobody's at night.
"""

from collections.abc import Mapping
from typing import Literal

Severity = Literal["critical", "workflow", "warning", "application", "recovery", "unlisted"]

VERDICTS: Mapping[Severity, Literal["critical", "warning"]] = {
    "critical": "critical",
    "workflow": "warning",
    "warning": "warning",
}
"""The health of a GPU by its errors while the driver's recovery action is unknown. Others don't change it."""

CLEANUP = 45
"""Preemptive cleanup after an earlier error. Without one nearby it counts by itself."""

NEARBY_SECONDS = 30.0
"""The longest time between ``CLEANUP`` and the error that it follows."""

CATALOGUE: Mapping[int, tuple[Severity, str]] = {
    8: ("application", "GPU stopped processing"),
    11: ("application", "invalid or corrupted push buffer stream"),
    13: ("application", "graphics engine exception"),
    25: ("application", "invalid or illegal push buffer stream"),
    31: ("application", "memory page fault"),
    32: ("application", "push buffer DMA error"),
    39: ("application", "copy engine exception"),
    40: ("application", "copy engine exception"),
    41: ("application", "copy engine exception"),
    43: ("application", "channel reset verification error"),
    CLEANUP: ("application", "channels removed because of an earlier error"),
    46: ("critical", "GPU timeout"),
    48: ("workflow", "double bit ECC error"),
    62: ("critical", "power management unit halted"),
    63: ("warning", "row remapping or page retirement recorded"),
    64: ("critical", "row remapping or page retirement could not be recorded"),
    68: ("application", "video decoder exception"),
    69: ("application", "graphics engine class error"),
    74: ("workflow", "NVLink error"),
    79: ("critical", "GPU has fallen off the bus"),
    92: ("warning", "high rate of single bit ECC errors"),
    94: ("warning", "contained memory error"),
    95: ("critical", "uncontained memory error"),
    109: ("critical", "context switch timeout"),
    110: ("critical", "security fault"),
    119: ("critical", "GSP firmware did not answer in time"),
    120: ("critical", "GSP firmware error"),
    136: ("critical", "NVLink training failed"),
    140: ("critical", "unrecovered ECC error"),
    143: ("critical", "GPU initialization error"),
    144: ("workflow", "NVLink SAW error"),
    145: ("workflow", "NVLink RLW error"),
    146: ("workflow", "NVLink TLW error"),
    147: ("workflow", "NVLink TREX error"),
    148: ("workflow", "NVLink NVLPW control error"),
    149: ("workflow", "NVLink NETIR error"),
    150: ("workflow", "NVLink MSE error"),
    154: ("recovery", "GPU recovery action changed"),
    155: ("critical", "NVLink software defined error"),
    156: ("critical", "resource retirement recorded"),
    158: ("critical", "fatal GPU timeout"),
}


def classify(number: int, *, alone: bool) -> tuple[Severity, str]:
    """Return the severity and meaning of an error; ``alone`` says whether no other one was near it."""
    severity, meaning = CATALOGUE.get(number, ("unlisted", "not in the catalogue"))
    if number == CLEANUP and alone:
        return "workflow", "channels removed without another error"
    return severity, meaning
