"""Every example in docs/agents.md runs as it is written."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import StdioServerParameters, stdio_client
from mcp.client.client import Client

from lens.mcp.settings import McpSettings
from lens.mcp.tools import TOOLS
from tests.integration.mcp.conftest import TOKEN, address, over_http
from tests.integration.mcp.lens import document
from tests.integration.operator import Command, environment
from tests.required import program

PAGE = (Path(__file__).parents[3] / "docs" / "agents.md").read_text()
LENS, SERVER = "http://127.0.0.1:8080", "127.0.0.1:8090"


def examples(language: str) -> list[str]:
    """Return the page's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder in which the page's first line has been run."""
    subprocess.run(["bash", "-c", examples("bash")[0]], cwd=tmp_path, check=True)
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    """Return what an example prints; `lens` and `python` are those that the tests run with."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment() | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_line_gets_what_it_asks_for(demo_url: str, folder: Path) -> None:
    program("curl")
    answer = json.loads(run(["bash", "-c", examples("bash")[1].replace(LENS, demo_url)], folder))
    assert answer["meta"]["code"] == 2000
    assert len(answer["data"]["tasks"]) <= 5


@pytest.mark.parametrize(
    ("number", "printed"),
    [(0, r"^\d+ GPUs are free, at most \d on one node$"), (1, r"^8 "), (2, r"^list_nodes - .*")],
)
def test_the_programs_print_what_they_promise(demo_url: str, folder: Path, number: int, printed: str) -> None:
    assert len(examples("python")) == 3
    text = run(["python", "-c", examples("python")[number].replace(LENS, demo_url)], folder)
    assert re.search(printed, text, re.MULTILINE)
    assert "is_error=True" not in text


async def test_a_program_that_is_configured_so_has_the_tools(demo_url: str, folder: Path) -> None:
    configured = json.loads(examples("json")[0].replace(LENS, demo_url))["mcpServers"]["lens"]
    server = StdioServerParameters(
        command=str(Path(sys.executable).parent / configured["command"]),
        args=configured["args"],
        env=configured["env"],
        cwd=folder,
    )
    async with Client(stdio_client(server)) as client:
        clusters = document(await client.call_tool("list_clusters"))["clusters"]
    assert [cluster["name"] for cluster in clusters] == ["prod-cluster"]


async def test_the_line_for_http_serves_a_caller(demo_url: str, folder: Path) -> None:
    line = examples("bash")[-1].replace(LENS, demo_url).replace(SERVER, "127.0.0.1:0")
    lens, *args = line.split()
    assert lens == "lens"
    with Command(args, folder / "output", environment()) as server:
        url = await asyncio.to_thread(address, server)
        async with over_http(url, Authorization=f"Bearer {TOKEN}") as client:
            assert document(await client.call_tool("list_clusters"))["clusters"]


def test_every_setting_and_tool_is_on_the_page() -> None:
    settings = [f"LENS_{name.upper()}" for name in McpSettings.model_fields]
    names = settings + [tool.name for tool in TOOLS]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
