"""A program in the background that outlives the command that started it and is known by its pid file."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


class ProcessError(Exception):
    """A program did not start, did not become ready in time, or would not end."""


@dataclass(frozen=True)
class Process:
    """A background program: its name, the file its output goes to, and the file that holds its pid."""

    name: str
    log: Path
    pid_file: Path

    def start(self, argv: Sequence[str]) -> None:
        """Start `argv` in a session of its own, its output appended to the log."""
        if (running := self.pid) is not None:
            raise ProcessError(f"{self.name} runs already, as pid {running}")
        with self.log.open("ab") as log:
            output = log.fileno()
            pid = os.posix_spawn(
                argv[0],
                list(argv),
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, output, 1),
                    (os.POSIX_SPAWN_DUP2, output, 2),
                ],
                setsid=True,
            )
        self.pid_file.write_text(f"{pid} {_started(pid)}\n")

    @property
    def pid(self) -> int | None:
        """The process id, or None while the program does not run."""
        try:
            pid, started = self.pid_file.read_text().split()
        except FileNotFoundError:
            return None
        # A pid is used again some day: the start time tells whether it is still the same process.
        return int(pid) if _started(int(pid)) == started else None

    @property
    def rss_bytes(self) -> int:
        """Resident memory in bytes; 0 while the program does not run."""
        with suppress(FileNotFoundError, ProcessLookupError):
            if (pid := self.pid) is not None:
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                return pages * os.sysconf("SC_PAGE_SIZE")
        return 0

    def wait_ready(self, ready: Callable[[], bool], deadline_s: float) -> None:
        """Wait until `ready` holds. Raise ProcessError, with the log's end, if the program ends before."""
        deadline = time.monotonic() + deadline_s
        while not ready():
            if self.pid is None:
                raise ProcessError(f"{self.name} ended at its start:\n{self._log_end()}")
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name} is not ready after {deadline_s:g} s:\n{self._log_end()}")
            time.sleep(0.05)

    def stop(self, grace_s: float = 15) -> None:
        """End the program: SIGTERM, and SIGKILL if it still runs after `grace_s` seconds."""
        if not self._signal(signal.SIGTERM, grace_s):
            self.kill()

    def kill(self) -> None:
        """End the program at once, with SIGKILL."""
        if not self._signal(signal.SIGKILL, wait_s=15):
            raise ProcessError(f"{self.name} (pid {self.pid}) still runs after SIGKILL")

    def _signal(self, number: signal.Signals, wait_s: float) -> bool:
        """Send a signal and wait for the end; return whether the program has ended."""
        if (pid := self.pid) is not None:
            with suppress(ProcessLookupError), _pidfd(pid) as pidfd:
                signal.pidfd_send_signal(pidfd, number)
                # Not the state in /proc: that says zombie while the last threads still hold the port.
                poll = select.poll()
                poll.register(pidfd, select.POLLIN)
                if not poll.poll(wait_s * 1000):
                    return False
            _reap(pid)
        self.pid_file.unlink(missing_ok=True)
        return True

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


@contextmanager
def _pidfd(pid: int) -> Iterator[int]:
    pidfd = os.pidfd_open(pid)
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):  # not a child of ours: its own parent reaps it
        os.waitpid(pid, os.WNOHANG)


def _started(pid: int) -> str | None:
    """Return the start time of a running process in clock ticks since boot (proc(5), stat), or None."""
    _reap(pid)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]
