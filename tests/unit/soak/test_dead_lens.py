"""A soak whose Lens ends says so in a line, and fails."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.soak.samples import NoSampleError, take

ROOT = Path(__file__).parents[3]
DEADLINE_S = 60.0


def test_a_process_that_has_ended_has_no_sample() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with pytest.raises(NoSampleError, match="HTTP status 0"):
        asyncio.run(take(1.0, ended.pid, 1))


def lens_of(pid: int) -> int | None:
    """Return the process id of the Lens among a process's children."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"serve" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return int(child)
    return None


@pytest.mark.slow
def test_the_exit_status_is_named_in_one_line(tmp_path: Path) -> None:
    paths = os.pathsep.join((str(ROOT / "operator"), str(ROOT)))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.soak", "--hours", "3", "--warm-up", "0", "--nodes", "5"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as soak:
        assert soak.stdout is not None
        assert "rss_mb" in soak.stdout.readline()
        deadline = time.monotonic() + DEADLINE_S
        while (lens := lens_of(soak.pid)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(lens, signal.SIGKILL)
        out, err = soak.communicate(timeout=DEADLINE_S)
    assert (soak.returncode, err) == (1, "")
    lines = out.splitlines()
    assert [line for line in lines if "exit status -9" in line] == [lines[-1]]
    assert re.match(r"Lens ended in hour \d\.", lines[-1])
