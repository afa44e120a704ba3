"""Over streamable HTTP, where each caller brings a token of its own."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from aiohttp import web

from tests.integration.mcp.conftest import TOKEN, address, over_http
from tests.integration.mcp.lens import AskedLens, document, error, ok, refused
from tests.integration.operator import Command, environment

LIST_TOOLS = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
ACCEPT = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def server(lens: AskedLens, tmp_path: Path) -> Iterator[Command]:
    """Return a `lens mcp` that asks ``lens`` and logs all that it can."""
    args = ["mcp", "--url", lens.url, "--mcp-listen", "127.0.0.1:0", "--log-level", "debug"]
    with Command(args, tmp_path / "output", environment(), forked=True) as command:
        yield command


async def test_the_demo_answers_a_caller_with_its_token_and_refuses_another(
    demo_url: str, tmp_path: Path
) -> None:
    args = ["mcp", "--url", demo_url, "--mcp-listen", "127.0.0.1:0"]
    with Command(args, tmp_path / "output", environment(), forked=True) as server:
        url = address(server)
        async with over_http(url, Authorization=f"Bearer {TOKEN}") as client:
            status = document(await client.call_tool("get_status", {"cluster": "prod-cluster"}))
            assert status["current_gpu_usage"]["total_gpus"] == 48
        async with over_http(url, Authorization="Bearer wrong") as client:
            refusal = error(await client.call_tool("get_status", {"cluster": "prod-cluster"}))
            assert refusal == "Unauthorized (HTTP 401)"
        assert server.end() == 0


async def test_each_request_to_lens_has_its_own_callers_token(lens: AskedLens, server: Command) -> None:
    def answer(request: web.Request) -> web.Response:
        owner = request.headers.get("Authorization")
        if owner is None:
            return refused(401, "Unauthorized")
        return ok({"clusters": [{"name": owner, "status": "ok"}]})

    lens.answer = answer
    url = address(server)
    async with (
        over_http(url, Authorization="Bearer of-alice") as alice,
        over_http(url, Authorization="Bearer of-bob") as bob,
        over_http(url) as nobody,
    ):
        for _ in range(2):
            for client, owner in ((alice, "Bearer of-alice"), (bob, "Bearer of-bob")):
                told_ = document(await client.call_tool("list_clusters"))
                assert [cluster["name"] for cluster in told_["clusters"]] == [owner]
            assert error(await nobody.call_tool("list_clusters")) == "Unauthorized (HTTP 401)"


async def test_no_token_is_written_to_the_log_whatever_fails(lens: AskedLens, server: Command) -> None:
    url = address(server)
    async with over_http(url, Authorization="Bearer of-alice-secret") as client:
        await client.call_tool("list_clusters")
        lens.answer = lambda _: web.Response(status=500, text="of-alice-secret")
        await client.call_tool("list_clusters")
        await client.call_tool("get_status", {"cluster": 1})
    assert server.end() == 0
    assert "listening" in server.text
    assert "of-alice-secret" not in server.text


async def test_clients_of_an_older_protocol_are_served(lens: AskedLens, server: Command) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-03-26",
            "capabilities": {},
            "clientInfo": {"name": "old", "version": "1"},
        },
    }
    async with httpx2.AsyncClient(headers=ACCEPT) as http:
        url = address(server)
        welcome = (await http.post(url, json=hello)).json()
        assert welcome["result"]["protocolVersion"] == "2025-03-26"
        tools = (await http.post(url, json=LIST_TOOLS)).json()
        assert len(tools["result"]["tools"]) == 9


@pytest.mark.parametrize("revision", [None, "2025-03-26", "2025-11-25", "2026-07-28"])
async def test_a_batch_is_refused_in_one_error(
    lens: AskedLens, server: Command, revision: str | None
) -> None:
    headers = ACCEPT | ({} if revision is None else {"MCP-Protocol-Version": revision})
    async with httpx2.AsyncClient(headers=headers) as http:
        answer = await http.post(address(server), json=[LIST_TOOLS, LIST_TOOLS | {"id": 2}])
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/json")
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {
            "code": -32600,
            "message": "Not a message of JSON-RPC 2.0; of a batch, send each by itself",
        },
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 421), ({"Origin": "https://evil.example"}, 403), ({}, 200)],
)
async def test_requests_of_a_foreign_web_page_are_refused(
    server: Command, headers: dict[str, str], status: int
) -> None:
    async with httpx2.AsyncClient(headers=ACCEPT | headers) as http:
        answer = await http.post(address(server), json=LIST_TOOLS)
    assert answer.status_code == status


async def test_a_body_too_long_is_refused(lens: AskedLens, server: Command) -> None:
    async with httpx2.AsyncClient(headers=ACCEPT) as http:
        answer = await http.post(address(server), content=b" " * 65537)
    assert answer.status_code == 413


async def test_nobody_can_hold_a_stream_open(lens: AskedLens, server: Command) -> None:
    async with httpx2.AsyncClient(headers=ACCEPT) as http:
        answer = await http.get(address(server))
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


async def test_a_slash_at_the_end_leads_nowhere_else(lens: AskedLens, server: Command) -> None:
    """A redirect would be to plain HTTP, also behind a proxy with TLS."""
    async with httpx2.AsyncClient(headers=ACCEPT, follow_redirects=False) as http:
        assert (await http.post(f"{address(server)}/", json=LIST_TOOLS)).status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_is_not_there_is_not_found(lens: AskedLens, server: Command, method: str) -> None:
    """Clients look whether a server has OAuth, which a 404 denies."""
    url = address(server).replace("/mcp", "/.well-known/oauth-protected-resource")
    async with httpx2.AsyncClient(headers=ACCEPT) as http:
        assert (await http.request(method, url, json=LIST_TOOLS)).status_code == 404


async def test_silent_connections_delay_no_request(lens: AskedLens, server: Command) -> None:
    url = address(server)
    port = int(url.split(":")[2].partition("/")[0])
    with contextlib.ExitStack() as idle:
        for _ in range(600):
            idle.enter_context(socket.create_connection(("127.0.0.1", port)))
        async with httpx2.AsyncClient(headers=ACCEPT) as http:
            answer = await http.post(url, json=LIST_TOOLS)
        assert answer.status_code == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_endless_bodies_delay_no_request(lens: AskedLens, server: Command) -> None:
    """From more addresses than one, so that none of them has more connections than it may."""
    url = address(server)
    port = int(url.split(":")[2].partition("/")[0])
    head = f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    with contextlib.ExitStack() as sending:
        for number in range(600):
            source = (f"127.0.0.{2 + number % 3}", 0)
            each = socket.create_connection(("127.0.0.1", port), source_address=source)
            sending.enter_context(each).sendall(f"{head}Content-Length: 60000\r\n\r\n{{".encode())
        async with httpx2.AsyncClient(headers=ACCEPT) as http:
            assert (await http.post(url, json=LIST_TOOLS)).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(10, 200), (60_000, 200), (70_000, 413), (10_000_000, 413)])
async def test_a_body_without_a_length_is_read_up_to_the_bound(
    lens: AskedLens, server: Command, size: int, status: int
) -> None:
    url = address(server)
    port = int(url.split(":")[2].partition("/")[0])
    body = json.dumps(LIST_TOOLS).encode().ljust(size)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: {ACCEPT['Accept']}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    with contextlib.suppress(ConnectionError):
        for start in range(0, len(body), 4000):
            piece = body[start : start + 4000]
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await asyncio.wait_for(writer.drain(), 10)
        writer.write(b"0\r\n\r\n")
    line = await asyncio.wait_for(reader.readline(), 10)
    assert int(line.split()[1]) == status
    writer.close()
