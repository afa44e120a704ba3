"""The most memory that this process has had resident since a moment (proc(5), clear_refs and VmHWM)."""

import gc
from pathlib import Path

_PROCESS = Path("/proc/self")


class Peak:
    """Measures from its making on."""

    def __init__(self) -> None:
        gc.collect()
        (_PROCESS / "clear_refs").write_text("5")
        self._before = _status("VmRSS")

    @property
    def growth(self) -> int:
        """Return by how many bytes the peak exceeds what was resident at the start."""
        return _status("VmHWM") - self._before


def _status(field: str) -> int:
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
