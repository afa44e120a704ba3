"""A process under measurement: started, waited for, read in /proc, and ended by its own id."""

import http.client
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self
from urllib.parse import urlsplit

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


class ProcessError(Exception):
    """A measured process ended early, or was not ready in time; holds the end of its stderr."""


class Usage(NamedTuple):
    """What a process uses: memory in MiB, CPU in seconds (user and system, all threads since its start)."""

    rss_mib: float
    peak_rss_mib: float
    cpu_s: float


class Ready(NamedTuple):
    """The ready line of a process, and the seconds from its start until the line was out."""

    seconds: float
    line: Mapping[str, Any]


class Once(NamedTuple):
    """A run from start to exit: its length in seconds, what it used, and what it printed."""

    seconds: float
    peak_rss_mib: float
    cpu_s: float
    stdout: str


def usage(pid: int) -> Usage:
    """Read what a process uses now (proc_pid_stat(5), proc_pid_status(5)); CPU in steps of 10 ms."""
    memory = _memory(pid)
    # The command's name, in parentheses, may hold spaces: count fields after it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    utime, stime = int(fields[11]), int(fields[12])
    return Usage(memory["VmRSS"] / MIB, memory["VmHWM"] / MIB, (utime + stime) / TICKS_PER_SECOND)


def _memory(pid: int) -> dict[str, int]:
    """Return the Vm… lines of a process in bytes; a process that has ended has none."""
    lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if words[-1] == "kB"}


def answers(url: str) -> Callable[[], bool]:
    """Return a condition: a GET of `url` is answered with 200."""
    parts = urlsplit(url)
    assert parts.hostname

    def condition() -> bool:
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=5)
        try:
            connection.request("GET", parts.path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    return condition


def _end(stderr: IO[bytes]) -> str:
    """Return the last 2,000 bytes; not by seek, which would move the writer too."""
    size = os.fstat(stderr.fileno()).st_size
    return os.pread(stderr.fileno(), 2000, max(0, size - 2000)).decode(errors="replace")


class Process:
    """A running process; leaving the context ends it."""

    def __init__(self, args: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start `args` with `env` added to this process's environment."""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        self._lines: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
        self._began = time.monotonic()
        self._popen = subprocess.Popen(
            args, stdout=subprocess.PIPE, stderr=self._stderr, text=True, env={**os.environ, **(env or {})}
        )
        assert self._popen.stdout
        # Read to the end, so that the process never waits for room in the pipe.
        self._reader = threading.Thread(target=self._read, args=(self._popen.stdout,), daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def usage(self) -> Usage:
        """Read what the process uses now."""
        self._must_run()
        return usage(self.pid)

    def ready(self, deadline_s: float = 120) -> Ready:
        """Wait for the JSON line with `"event": "ready"` on stdout."""
        while (left := self._began + deadline_s - time.monotonic()) > 0:
            try:
                seen, text = self._lines.get(timeout=min(left, 0.2))
            except queue.Empty:
                self._must_run()
                continue
            if text.startswith("{") and (line := json.loads(text)).get("event") == "ready":
                return Ready(seen - self._began, line)
        raise self._failure(f"not ready after {deadline_s} s")

    def until(self, condition: Callable[[], bool], deadline_s: float = 120, every_s: float = 0.01) -> float:
        """Wait for `condition`, asked every `every_s`; return the seconds since the process's start."""
        while (seconds := time.monotonic() - self._began) < deadline_s:
            if condition():
                return time.monotonic() - self._began
            self._must_run()
            time.sleep(every_s)
        raise self._failure(f"condition not met after {seconds:.1f} s")

    def stop(self, grace_s: float = 10) -> None:
        """End the process: SIGTERM, then SIGKILL when it takes longer than `grace_s`."""
        if self._popen.poll() is None:
            self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._reader.join()
        self._stderr.close()

    def _read(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                self._lines.put((time.monotonic(), line))

    def _must_run(self) -> None:
        if (code := self._popen.poll()) is not None:
            raise self._failure(f"exited with {code}")

    def _failure(self, what: str) -> ProcessError:
        return ProcessError(f"{self._popen.args!r}: {what}\n{_end(self._stderr)}")


def run_once(args: Sequence[str], deadline_s: float = 120) -> Once:
    """Run a program to its end.

    The peak is the last VmHWM seen, read every 2 ms: ru_maxrss would start at this process's own size.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        began = time.monotonic()
        popen = subprocess.Popen(args, stdout=stdout, stderr=stderr)
        peak = 0
        while True:
            peak = max(peak, _memory(popen.pid).get("VmHWM", 0))
            pid, status, used = os.wait4(popen.pid, os.WNOHANG)
            seconds = time.monotonic() - began
            if pid:
                break
            if seconds > deadline_s:
                os.kill(popen.pid, signal.SIGKILL)
            time.sleep(0.002)
        popen.returncode = os.waitstatus_to_exitcode(status)
        if popen.returncode:
            raise ProcessError(f"{args!r}: exited with {popen.returncode}\n{_end(stderr)}")
        stdout.seek(0)
        return Once(seconds, peak / MIB, used.ru_utime + used.ru_stime, stdout.read().decode())
