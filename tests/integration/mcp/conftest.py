"""A demo to ask, a server that stands for a Lens, and clients of `lens mcp`."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import StdioServerParameters, stdio_client
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.integration.mcp.lens import AskedLens, asked_lens
from tests.integration.operator import LENS, LISTENING, Command, environment

TOKEN = "demo-token"


@pytest.fixture(scope="module")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a demo's Lens."""
    output = tmp_path_factory.mktemp("demo") / "output"
    args = ["demo", "--port", "0", "--nodes", "6", "--agents", "0", "--seed", "7"]
    with Command(args, output, environment(), forked=True) as command:
        yield command.wait_for_match(LENS)[1]
        command.end()


@pytest.fixture
async def lens() -> AsyncIterator[AskedLens]:
    async with asked_lens() as running:
        yield running


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@asynccontextmanager
async def over_stdio(*args: str) -> AsyncIterator[Client]:
    """Run `lens mcp` with these arguments as an agent's program does."""
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "lens", "mcp", *args], env=environment()
    )
    async with Client(stdio_client(server)) as client:
        yield client


@asynccontextmanager
async def over_http(url: str, **headers: str) -> AsyncIterator[Client]:
    """Connect to a running `lens mcp` with these headers."""
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def address(server: Command) -> str:
    """Wait until `lens mcp` listens; return its URL."""
    return f"http://{server.wait_for_match(LISTENING)[1]}/mcp"
