"""The process under attack: within its memory limit, its output in a file, its memory read all the time."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.attack.memory_limit import MemoryLimit

READ_S = 0.02
PRIORITY = -15
"""Attackers run on the same processors here, and elsewhere in life: they are to wait for who is measured."""


def prefer(pid: int) -> None:
    """Let a process go before the attackers, where this user may say so."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, PRIORITY)


class Subject:
    """A running process; leaving the context ends it."""

    def __init__(
        self,
        args: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        limit: MemoryLimit,
        *,
        files: int | None = None,
        stderr: int | None = None,
    ) -> None:
        """Start it. `files` is how many it may open; `stderr` takes its log in place of the file."""
        self.log = log
        self.limit = limit
        self.peak_mib = 0.0
        self.rss_mib = 0.0
        self.was_stopped = False

        with log.open("ab") as output:
            self.process = subprocess.Popen(
                limit.command(args),
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output if stderr is None else stderr,
            )
        if files is not None:
            # Not by preexec_fn, which may fail in a process of many threads; Python takes longer to start.
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (files, files))
        prefer(self.process.pid)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def runs(self) -> bool:
        """Tell whether it is still there."""
        return self.process.poll() is None

    @property
    def text(self) -> str:
        """Return what it has written so far."""
        return self.log.read_text(errors="replace")

    def until(self, condition: Callable[[], bool], deadline_s: float) -> bool:
        """Wait for a condition; tell whether it came, which it can't once the process has ended."""
        deadline = time.monotonic() + deadline_s
        while time.monotonic() < deadline:
            if condition():
                return True
            if not self.runs:
                return False
            time.sleep(0.02)
        return False

    def forget_peak(self) -> None:
        """Let the peak be that of what comes from now on (proc_pid_clear_refs(5))."""
        with contextlib.suppress(OSError):
            Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")
        self.peak_mib = self.rss_mib

    def stop(self, grace_s: float = 15) -> None:
        """End it: SIGTERM, then SIGKILL."""
        if self.runs:
            self.was_stopped = True
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reading.join()

    def end(self) -> str:
        """Say how it ended."""
        code = self.process.poll()
        if code is None:
            return "runs"
        if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
            return f"killed at {self.peak_mib:.0f} MiB of {self.limit.mib}"
        return f"ended with {code}"

    def _read(self) -> None:
        """Follow the memory (proc_pid_status(5)); where no kernel does it, end who takes too much."""
        path = Path(f"/proc/{self.process.pid}/status")
        while self.runs:
            with contextlib.suppress(OSError, ValueError, KeyError):
                lines = (line.split() for line in path.read_text().splitlines())
                known = {words[0]: int(words[1]) / 1024 for words in lines if words[-1] == "kB"}
                self.rss_mib = known["VmRSS:"]
                self.peak_mib = max(self.peak_mib, known.get("VmHWM:", 0.0), self.rss_mib)
                if not self.limit.is_enforced and self.rss_mib > self.limit.mib:
                    self.process.kill()
            time.sleep(READ_S)
