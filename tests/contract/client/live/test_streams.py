"""Standard streams that are closed, or take nothing."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.client import lens, running

FULL = Path("/dev/full")


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("nodes >&-", 0),
        ("nodes 2>&-", 0),
        ("nodes <&-", 0),
        ("nodes <&- >&- 2>&-", 0),
        ("help >&-", 0),
        ("nope 2>&-", 2),
        ("fit -f - <&-", 1),
    ],
)
def test_a_closed_stream_changes_nothing_but_what_is_seen(command: str, status: int) -> None:
    ran = _shell(command)
    assert (ran.returncode, "Traceback" in ran.stderr) == (status, False), ran


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("command", ["nodes", "nodes -o json", "version", "help"])
def test_a_full_disk_is_one_line(command: str) -> None:
    ran = _shell(f"{command} >{FULL}")
    assert ran.returncode == 1
    assert ran.stderr.endswith("kubectl lens: the output can't be written: No space left on device\n")
    assert "Traceback" not in ran.stderr


def _shell(command: str) -> "subprocess.CompletedProcess[str]":
    with lens.running() as server:
        environment = {**running.environment(server.url), "PYTHONPATH": ":".join(sys.path)}
        return subprocess.run(
            ["sh", "-c", f"exec {shlex.quote(sys.executable)} -m lens_client {command}"],
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
