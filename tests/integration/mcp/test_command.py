"""What `lens mcp` says when it can't be started: one line, exit status 2."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.forked import Forked
from tests.integration.operator import DEADLINE_S, environment

URL = "http://127.0.0.1:1"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return what gives the exit status, stdout and stderr of `lens mcp` with an empty stdin."""

    def run(*args: str, **settings: str) -> tuple[int, str, str]:
        output, errors = tmp_path / "output", tmp_path / "errors"
        status = Forked(["mcp", *args], environment(**settings), output, errors).wait(timeout=DEADLINE_S)
        return status, output.read_text(), errors.read_text()

    return run


def test_without_the_extra_one_line_says_how_to_get_it() -> None:
    without = "import sys; sys.modules['mcp'] = None; from lens.cli.main import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", without, "mcp", "--url", URL],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        "lens: the MCP SDK is not installed: install requirements/mcp.txt (requirements/install mcp)\n",
    )


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "--url (LENS_URL) is required"),
        (["--url", "lens:8080"], "--url is the address of a Lens, such as http://127.0.0.1:8080"),
        (["--url", "http://user:word@lens"], "--url is the address of a Lens"),
        (["--url", "http://lens?cluster=x"], "--url has no query and no fragment"),
        (["--url", URL, "--token-file", "/nowhere"], "--token-file: token file /nowhere: No such file"),
        (
            ["--url", URL, "--ca-file", "/nowhere"],
            "--ca-file: CA file /nowhere: No such file",
        ),
        (["--url", URL, "--mcp-listen", "8090"], "--mcp-listen is an address and a port"),
        (["--url", URL, "--mcp-listen", "192.0.2.1:0"], "--mcp-listen: can't listen on 192.0.2.1:0"),
        (
            ["--url", URL, "--mcp-listen", "127.0.0.1:0", "--token-file", "/dev/null"],
            "--token-file is for stdio",
        ),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(run: Run, args: list[str], message: str) -> None:
    status, _, errors = run(*args)
    assert status == 2
    assert errors.startswith(f"lens: {message}")
    assert errors.count("\n") == 1


def test_a_token_file_that_holds_none_is_named_and_not_quoted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("two words")
    assert run("--url", URL, "--token-file", str(path)) == (
        2,
        "",
        f"lens: --token-file: token file {path}: has no bearer token in its first line\n",
    )


def test_settings_of_the_operator_are_ignored_and_unknown_ones_are_errors(run: Run) -> None:
    assert run(url=URL, cluster="prod-cluster", listen="0.0.0.0:8080", agent_node="gpu-node-1")[0] == 0
    assert run(url=URL, tokken_file="x")[::2] == (2, "lens: LENS_TOKKEN_FILE: unknown setting\n")
