"""What streams cost: how late 2,000 of them are told of 50 changes a second, and what one takes in memory."""

import asyncio
import hashlib
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.api.answers import HEADERS, TOKEN
from tests.bench.api.http_load import Load, load
from tests.bench.figures import Figures
from tests.bench.process import Process, usage

NODES = 1_000
CHANGES_PER_SECOND = 50
STREAMS = 2_000
OPENED_AT_ONCE = 50
SECONDS = 20.0
SETTLE_SECONDS = 3.0
REQUESTS = 2_000
STATUS = "/api/v1/realtime/status?cluster=bench"
STREAM = "/api/v1/realtime/stream?cluster=bench&include=tasks"

_CHANGED_AT = re.compile(rb'"pod_uid":"(\d{19})","pod_name"')
"""In a task's row; of one that is gone the name comes first."""


class _Reader(asyncio.Protocol):
    """A stream's client; a changed pod's uid is the nanosecond of its change."""

    def __init__(self, late_ms: list[float]) -> None:
        self.begun = asyncio.Event()
        self.transport: asyncio.Transport | None = None
        self._late_ms = late_ms

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        request = f"GET {STREAM} HTTP/1.1\r\nHost: lens\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        transport.write(request.encode())

    def data_received(self, data: bytes) -> None:
        if self.begun.is_set():
            now = time.time_ns()
            self._late_ms += [(now - int(at)) / 1e6 for at in _CHANGED_AT.findall(data)]
        elif b"event: snapshot" in data:
            self.begun.set()


def measure(figures: Figures) -> None:
    """Add the figures of streams. Needs no cluster."""
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens.yaml"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        tokens.write_text(f"tokens: [{{name: bench, sha256: {digest}}}]")
        args = ["--nodes", str(NODES), "--changes", str(CHANGES_PER_SECOND), "--tokens", str(tokens)]
        with Process([sys.executable, "-m", "tests.bench.api.lens_server", *args]) as process:
            port = int(process.ready(deadline_s=60).line["port"])
            few, *_ = asyncio.run(_listen(process.pid, port, 1))
            many, kb_each, status = asyncio.run(_listen(process.pid, port, STREAMS))
    figures.add("stream_p99_ms", _p99(few), "ms")
    figures.add("stream_2000_lag_p99_ms", _p99(many), "ms")
    figures.add("stream_2000_lag_max_ms", max(many), "ms")
    figures.add("stream_kb_each", kb_each, "kB")
    figures.add("stream_2000_status_p99_ms", status.p99_ms, "ms")


async def _listen(pid: int, port: int, streams: int) -> tuple[list[float], float, Load]:
    """Return how late changes were told, the memory of each stream, and the load of others meanwhile."""
    late_ms: list[float] = []
    loop = asyncio.get_running_loop()
    before = usage(pid).rss_mib
    readers = []
    for number in range(streams):
        _, reader = await loop.create_connection(lambda: _Reader(late_ms), "127.0.0.1", port)
        readers.append(reader)
        if number % OPENED_AT_ONCE == 0:
            await reader.begun.wait()
    for reader in readers:
        await reader.begun.wait()
    await asyncio.sleep(SETTLE_SECONDS)
    kb_each = (usage(pid).rss_mib - before) * 1024 * 1.024 / streams
    late_ms.clear()
    asked = asyncio.to_thread(load, pid, f"http://127.0.0.1:{port}{STATUS}", REQUESTS, 1, HEADERS)
    status, _ = await asyncio.gather(asked, asyncio.sleep(SECONDS))
    for reader in readers:
        if reader.transport is not None:
            reader.transport.abort()
    return late_ms, kb_each, status


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]
