"""Runs the command as a process of its own, on a pseudo-terminal that a test reads and types on."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.contract.client.running import environment, set_size

ROOT = Path(__file__).parents[3]
DEADLINE_SECONDS = 20.0


class Process:
    """A command on a terminal. ``shown`` is all that it has written."""

    def __init__(
        self, url: str, arguments: Sequence[str], columns: int = 100, environ: Mapping[str, str] | None = None
    ) -> None:
        self.shown = ""
        self._master, self._slave = pty.openpty()
        self.resize(columns, 24)
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            command(arguments),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=environment(url, {"PYTHONPATH": str(ROOT / "operator"), **(environ or {})}),
            start_new_session=True,
            preexec_fn=_take_terminal,
        )

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._slave)
        os.close(self._master)

    def wait_for(self, text: str, after: int = 0) -> int:
        """Read until a text is shown, and return the position behind it."""
        ends = time.monotonic() + DEADLINE_SECONDS
        while (found := self.shown.find(text, after)) < 0:
            left = ends - time.monotonic()
            ready, _, _ = select.select([self._master], [], [], max(left, 0))
            if not ready:
                raise AssertionError(f"{text!r} isn't shown: {self.shown[after:]!r}")
            self.shown += os.read(self._master, 65536).decode(errors="replace")
        return found + len(text)

    def read_until(self, ended: threading.Event) -> None:
        """Read, so that the process can write, until a test has seen enough."""
        while not ended.is_set():
            if select.select([self._master], [], [], 0.1)[0]:
                os.read(self._master, 65536)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Return the exit status, when it has ended."""
        ends = time.monotonic() + DEADLINE_SECONDS
        while self.process.poll() is None:
            if select.select([self._master], [], [], 0.05)[0]:
                self.shown += os.read(self._master, 65536).decode(errors="replace")
            assert time.monotonic() < ends, "the process doesn't end"
        while select.select([self._master], [], [], 0)[0]:
            self.shown += os.read(self._master, 65536).decode(errors="replace")
        return self.process.returncode

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size."""
        set_size(self._slave, columns, lines)

    def mode(self) -> list[object]:
        """Return the terminal's mode, as termios has it."""
        return list(termios.tcgetattr(self._slave))


def command(arguments: Sequence[str]) -> list[str]:
    """Return the command line."""
    return [sys.executable, "-m", "lens_client", *arguments]


def _take_terminal() -> None:
    """Make the terminal the controlling one, so that it sends the signals of its keys."""
    import fcntl

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
