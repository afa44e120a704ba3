"""One of the Lenses, as a Deployment runs it: started anew on the same address when it ends."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp

from tests.e2e.cluster import ports
from tests.e2e.lens import CLUSTER, Lens


class Replica:
    """A Lens at an address that stays the same."""

    def __init__(
        self,
        number: int,
        kubeconfig: Path,
        folder: Path,
        settings: Mapping[str, str],
        command: Sequence[str] = (),
    ) -> None:
        """Take its number, the kubeconfig that all share, settings of its own, and what to start it by."""
        self.number = number
        self.port = ports.free(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"lens-{number}.log"
        self.clock = folder / f"lens-{number}.clock"
        self._kubeconfig = kubeconfig
        self._command = command
        self.settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def lens(self) -> Lens:
        """The replica as the end-to-end tests ask it."""
        assert self._process is not None
        return Lens(self._process, self.log, self.url)

    def start(self, otherwise: Mapping[str, str] | None = None) -> None:
        """Start it, with some settings otherwise than usual."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LENS_")}
        environment |= {
            "LENS_CLUSTER": CLUSTER,
            "LENS_LISTEN": f"127.0.0.1:{self.port}",
            "LENS_KUBECONFIG": str(self._kubeconfig),
            "LENS_REQUESTS_PER_MINUTE": "1000000",
            "LENS_STREAMS_PER_CALLER": "3000",
            **self.settings,
            **(otherwise or {}),
        }
        if (fake := fake_clock()) is not None:
            self.clock.write_text("+0\n")
            environment |= {
                "LD_PRELOAD": str(fake),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                # Or libfaketime parses glibc's version at each wait of a thread, a quarter of the CPU.
                "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            }
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*self._command, sys.executable, "-m", "lens", "serve"],
                env=environment,
                stdout=output,
                stderr=output,
            )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    async def wait(self, deadline_s: float = 40) -> int:
        """Wait until it has ended; return its exit status."""
        assert self._process is not None
        return await asyncio.to_thread(self._process.wait, deadline_s)

    def set_clock(self, seconds: int) -> None:
        """Put its clock forward or back, by so many seconds from the true time."""
        new = self.clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.clock)

    def limit_files(self, number: int) -> int:
        """Limit its open files; return the limit of before."""
        before, hard = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (number, hard))
        return before

    def limit_file_size(self, number: int) -> int:
        """Limit the bytes of a file that it writes to; return the limit of before."""
        before, hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (number, hard))
        return before

    @property
    def open_files(self) -> int:
        """The number of its open files."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    @property
    def rss_mib(self) -> float:
        """Its resident memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    async def wait_ready(self, deadline_s: float = 60) -> None:
        """Wait until it is ready. Raise TimeoutError."""
        deadline = time.monotonic() + deadline_s
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while time.monotonic() < deadline:
                try:
                    async with session.get(f"{self.url}/readyz") as response:
                        if response.status == 200:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.05)
        raise TimeoutError(f"replica {self.number} isn't ready: see {self.log}")

    async def end(self) -> None:
        """End it, however it is."""
        if self._process is None or self._process.poll() is not None:
            return
        self.send(signal.SIGCONT)
        self._process.terminate()
        try:
            await self.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await self.wait()


def fake_clock() -> Path | None:
    """Return libfaketime, which Debian's package faketime has; None without it."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
