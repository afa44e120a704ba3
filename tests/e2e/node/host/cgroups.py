"""A cgroup for all that the node runs: made before it, and gone after."""

import contextlib
import os
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def create(name: str) -> None:
    """Make the cgroup `name` in every hierarchy: the one of version 2, or each controller's of version 1."""
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)


def remove(name: str, deadline_s: float = 30) -> None:
    """Remove the cgroup and all below it, once the processes killed have left. Raise TimeoutError."""
    deadline = time.monotonic() + deadline_s
    while left := [group for hierarchy in _hierarchies() for group in _below(hierarchy / name)]:
        for group in left:
            with contextlib.suppress(OSError):  # busy for as long as a process is about to end
                group.rmdir()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} cgroups are still in use, {left[0]} among them")
        time.sleep(0.05)


def _hierarchies() -> list[Path]:
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    return [each for each in sorted(ROOT.iterdir()) if os.path.ismount(each) and not each.is_symlink()]


def _below(group: Path) -> list[Path]:
    """Return a cgroup and all below it, the deepest first."""
    return [Path(folder) for folder, _, _ in os.walk(group, topdown=False)]
