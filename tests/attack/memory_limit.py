"""A bound on a process's memory: a cgroup, or where none can be made a watchdog on its RSS."""

import contextlib
import itertools
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.e2e.node.host import cgroups

_NUMBERS = itertools.count()
_V1 = cgroups.ROOT / "memory"
_PROBE_MIB = 64
# Takes twice what the probe's cgroup has, and says so if nobody minds.
_TAKE = f"memory = bytearray({2 * _PROBE_MIB} << 20); print(len(memory))"
# A shell that enters the cgroup and becomes the program: no moment of it is outside.
_ENTER = 'echo $$ > "$0" && exec "$@"'


class MemoryLimit:
    """So many MiB for one process and its children. Leaving the context removes the cgroup."""

    def __init__(self, mib: int, *, is_probe: bool = False) -> None:
        """Make the cgroup, of version 1 or 2, whichever is mounted and writable, if it holds anybody."""
        self.mib = mib
        self.kind = "RSS watchdog"
        self._procs: Path | None = None
        self._group: Path | None = None
        if is_probe or is_real():
            with contextlib.suppress(OSError):
                self._create()

    def __enter__(self) -> "MemoryLimit":
        return self

    def __exit__(self, *_: object) -> None:
        if self._group is not None:
            cgroups.remove(self._group.name)

    @property
    def is_enforced(self) -> bool:
        """Tell whether the kernel enforces it, so that no watchdog is needed."""
        return self._procs is not None

    def command(self, args: Sequence[str]) -> list[str]:
        """Return the command that runs `args` within the bound."""
        return list(args) if self._procs is None else ["/bin/sh", "-c", _ENTER, str(self._procs), *args]

    def _create(self) -> None:
        root, limit, swap, kind = _hierarchy()
        group = root / f"lens-attack-{os.getpid()}-{next(_NUMBERS)}"
        group.mkdir()
        self._group = group
        (group / limit).write_text(str(self.mib << 20))
        with contextlib.suppress(OSError):  # without swap accounting there is no such file
            (group / swap).write_text(str(self.mib << 20) if root == _V1 else "0")
        self._procs, self.kind = group / "cgroup.procs", kind


def _hierarchy() -> tuple[Path, str, str, str]:
    """Return where memory is bound, by which files. Raise OSError where it can't be."""
    if (cgroups.ROOT / "cgroup.controllers").exists():
        (cgroups.ROOT / "cgroup.subtree_control").write_text("+memory")
        return cgroups.ROOT, "memory.max", "memory.swap.max", "cgroup v2"
    if not os.path.ismount(_V1):
        raise FileNotFoundError(_V1)
    return _V1, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "cgroup v1"


@cache
def is_real() -> bool:
    """Tell whether a cgroup ends who takes more than it has; some sandboxes only pretend."""
    with MemoryLimit(_PROBE_MIB, is_probe=True) as limit:
        if not limit.is_enforced:
            return False
        command = limit.command([sys.executable, "-c", _TAKE])
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode != 0
