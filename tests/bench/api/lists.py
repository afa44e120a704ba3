"""What lists cost: a page of 40,000 tasks while they change, all of them, and what others wait meanwhile."""

import hashlib
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.api.answers import PAST_CACHE, TOKEN
from tests.bench.api.http_load import load
from tests.bench.figures import Figures
from tests.bench.process import Process

NODES = 10_000
CHANGES_PER_SECOND = 50
PAGES = 1_000
WHOLES = 15
LIST = "/api/v1/realtime/running-tasks?cluster=bench"
STATUS = "/api/v1/realtime/status?cluster=bench"
PAUSE_SECONDS = 0.01


def measure(figures: Figures) -> None:
    """Add the figures of the list of tasks. Needs no cluster."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens.yaml"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        tokens.write_text(f"tokens: [{{name: bench, sha256: {digest}}}]")
        args = ["--nodes", str(NODES), "--changes", str(CHANGES_PER_SECOND), "--tokens", str(tokens)]
        with Process([sys.executable, "-m", "tests.bench.api.lens_server", *args]) as process:
            port = int(process.ready(deadline_s=60).line["port"])
            url = f"http://127.0.0.1:{port}"
            following = json.loads(_get(port, f"{LIST}&limit=500"))["data"]["continue"]
            page = f"{url}{LIST}&limit=500&continue={following}"
            pages = load(process.pid, page, PAGES, connections=1, headers=PAST_CACHE)
            figures.add("tasks_page_p99_ms", pages.p99_ms, "ms")
            _get(port, LIST)
            waits: list[float] = []
            with _asking(port, waits):
                wholes = load(process.pid, url + LIST, WHOLES, connections=1, headers=PAST_CACHE)
            figures.add("tasks_all_ms", wholes.p50_ms, "ms")
            figures.add("tasks_all_others_ms", max(waits), "ms")


@contextmanager
def _asking(port: int, waits: list[float]) -> Iterator[None]:
    """Ask for the status now and then, and note how many milliseconds each answer took."""
    enough = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not enough.is_set():
            started = time.perf_counter()
            _ask(connection, STATUS)
            waits.append(1000 * (time.perf_counter() - started))
            time.sleep(PAUSE_SECONDS)
        connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        enough.set()
        asking.join()


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        return _ask(connection, path)
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path, headers=PAST_CACHE)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status} {body[:200]!r}")
    return body
