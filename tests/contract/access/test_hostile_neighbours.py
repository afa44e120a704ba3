"""Whoever reaches the port, with a right or without, can't stop it for others."""

import asyncio
import contextlib
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.conftest import TOKEN, Api, Serve
from tests.contract.figures.test_metrics import scrape
from tests.contract.kubernetes import Cluster
from tests.contract.wire import exchange

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
OPEN_FILES = 64

DEADLINE_S = 15.0
"""Less than clients have that hold up others (`CLIENT_TIMEOUT_SECONDS`)."""

PROGRAM = """
import asyncio, sys
from lens import logs
from lens.api.server import Server
from lens.config.serve import ServeSettings
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState

async def main():
    logs.configure("info", "json")
    settings = ServeSettings(cluster="c", listen="127.0.0.1:0", tokens_file=sys.argv[1])
    server = Server(settings, ClusterState(), Metrics())
    await server.start()
    print(server.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


class Process:
    """A server in a process of its own, with few open files."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    @property
    def rss(self) -> int:
        """Return the resident memory in bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    async def healthy(self) -> None:
        """Ask on a new connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=("127.0.0.9", 0))
        writer.write(HEALTH + b"Connection: close\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(), DEADLINE_S)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200"), answer


@pytest.fixture
def process(tokens_file: Path, tmp_path: Path) -> Iterator[Process]:
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        running = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tokens_file)], stdout=subprocess.PIPE, stderr=stderr
        )
    assert running.stdout is not None
    yield Process(running, int(running.stdout.readline()), log)
    running.kill()
    running.wait()
    running.stdout.close()


async def test_unfinished_heads_take_no_memory(process: Process) -> None:
    await process.healthy()
    before = process.rss
    field = b"X: " + "\U0001f600".encode() + b"x" * 16_000 + b"\r\n"
    senders = []
    for number in range(45):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", process.port, local_addr=(f"127.0.3.{number + 1}", 0)
        )
        writer.write(HEALTH + field * 98)
        senders.append(writer)
    for _ in range(20):
        await process.healthy()
    assert process.rss - before < 32 * 2**20
    for writer in senders:
        writer.transport.abort()


async def test_without_open_files_left_it_answers_and_its_log_stays_short(process: Process) -> None:
    resource.prlimit(process.process.pid, resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    with contextlib.ExitStack() as others:
        for _ in range(3 * OPEN_FILES):
            others.enter_context(
                socket.create_connection(("127.0.0.1", process.port), source_address=("127.0.4.1", 0))
            )
        for _ in range(5):
            await process.healthy()
    assert process.log.stat().st_size < 100_000


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example"}, 403),
        ({"Host": "localhost.evil.example:80"}, 403),
        ({"Host": "localhost@evil.example"}, 403),
        ({"Host": "evil.example#127.0.0.1"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://localhost:3000"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "file://localhost"}, 403),
    ],
)
async def test_without_tokens_a_page_elsewhere_gets_nothing(
    serve: Serve, cluster: Cluster, headers: dict[str, str], status: int
) -> None:
    cluster.publish(1.0)
    api = await serve(auth="none")
    for path in ("/api/v1/clusters", "/docs", "/healthz", "/nowhere"):
        answer = await api.ask(path, token=None, **headers)
        if status == 403:
            assert answer.error[:2] == (403, 4003)
            assert b"evil" not in answer.body
        else:
            assert answer.status in {200, 404}
    if status == 403:
        assert (await scrape(api))["lens_http_refused_total{reason=name}"] == 4


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.0\r\n\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_without_tokens_no_form_of_a_request_goes_around_the_name(serve: Serve, sent: bytes) -> None:
    api = await serve(auth="none")
    (answer,) = await exchange(api.server, sent.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answer.status == 403


async def test_with_tokens_any_name_will_do(api: Api) -> None:
    assert (await api.status(Host="lens.example")).status == 200


@pytest.mark.parametrize("blank", ["\u2003", "\u00a0", "\u0085", "\u3000", "\x0b", "\x1c"])
async def test_only_spaces_and_tabs_are_blanks_around_a_token(api: Api, blank: str) -> None:
    for credentials in (f"Bearer {blank}{TOKEN}", f"Bearer {TOKEN}{blank}"):
        sent = f"GET /api/v1/clusters HTTP/1.1\r\nHost: x\r\nAuthorization: {credentials}\r\n".encode()
        (answer,) = await exchange(api.server, sent + b"Connection: close\r\n\r\n")
        assert answer.status in {400, 401}
    good = f"GET /api/v1/clusters HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer  {TOKEN}\t \r\n".encode()
    (answer,) = await exchange(api.server, good + b"Connection: close\r\n\r\n")
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/nowhere", "/healthz", "/metrics", "/openapi.json", "/docs"])
async def test_no_browser_takes_an_answer_for_something_else(api: Api, path: str) -> None:
    assert (await api.ask(path)).headers["X-Content-Type-Options"] == "nosniff"
    assert (await api.status()).headers["X-Content-Type-Options"] == "nosniff"
    assert (await api.tasks(Accept="text/csv")).headers["X-Content-Type-Options"] == "nosniff"
    (refused,) = await exchange(api.server, b"nonsense\r\n\r\n")
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_too_large_head_is_431_and_counted(api: Api) -> None:
    (answer,) = await exchange(api.server, HEALTH + (b"X: " + b"x" * 16_000 + b"\r\n") * 3)
    assert (answer.status, answer.meta["message"]) == (431, "Invalid request: its head is over 32768 bytes")
    assert (await scrape(api))["lens_http_refused_total{reason=head}"] == 1
    assert (await scrape(api))["lens_http_connections"] >= 1


async def test_who_has_gone_leaves_a_line_in_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port)
    stream = "GET /api/v1/realtime/stream?cluster=prod-cluster HTTP/1.1\r\nHost: x\r\n"
    writer.write(f"{stream}Authorization: Bearer {TOKEN}\r\n\r\n".encode())
    await reader.readuntil(b"event: snapshot")
    writer.transport.abort()
    deadline = time.monotonic() + DEADLINE_S
    while "/api/v1/realtime/stream" not in [vars(each).get("route") for each in caplog.records]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert (await scrape(api))["lens_streams"] == 0
