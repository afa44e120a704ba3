"""`lens` in processes of its own that fork off one that has imported it, so that a start costs no imports.

What a start from nothing shows besides, a few tests see with an interpreter of their own.
"""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lens.__main__ import main
from lens_sim.node.nvml import library

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "pytest",  # multiprocessing has each child import the main program
        "lens.cli.main",
        "lens.app",
        "lens.agent.process",
        "lens.cli.simulated",
        "lens.mcp.serving",
    ]
)


class Forked:
    """A running `lens …`, with those of subprocess.Popen's methods that tests need."""

    def __init__(
        self,
        args: Sequence[str],
        env: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
        run: Callable[[], object] = main,
    ) -> None:
        """Start it, in this environment and no other; what it prints goes to a file, or errors to another.

        ``run`` is for what no command line sets.
        """
        self._process = _CONTEXT.Process(
            target=_run, args=(list(args), dict(env), output, errors, run), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return its exit status, a signal's number below 0, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it has ended. Raise TimeoutExpired if it doesn't."""
        self._process.join(timeout)
        status = self._process.exitcode
        if status is None:
            raise subprocess.TimeoutExpired("lens", timeout or 0.0)
        return status

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _run(
    args: list[str], env: dict[str, str], output: Path, errors: Path | None, run: Callable[[], object]
) -> None:
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    if errors is not None:
        with errors.open("wb") as file:
            os.dup2(file.fileno(), 2)
    set_by_imports = {name: value for name, value in os.environ.items() if name.startswith("GRPC_")}
    os.environ.clear()
    os.environ.update(set_by_imports | env)
    # The dynamic linker has read the variable when this interpreter began; what it has loaded it finds.
    for folder in filter(None, env.get("LD_LIBRARY_PATH", "").split(os.pathsep)):
        if (simulated := Path(folder, library.SONAME)).exists():
            ctypes.CDLL(str(simulated))
    sys.argv = ["lens", *args]
    run()
