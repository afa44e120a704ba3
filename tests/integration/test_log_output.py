"""What a process writes on stderr, whoever reads it, or nobody."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging
from lens import logs
logs.configure({level!r}, {form!r})
logging.getLogger("lens.kube").debug("debug")
logging.getLogger("lens.kube").info("info")
logging.getLogger("lens.kube").warning("warning")
logging.getLogger("kopf.objects").info("a handler has succeeded")
logging.getLogger("aiohttp.access").info("GET /")
"""


@pytest.mark.parametrize(
    ("level", "events"), [("debug", ["debug", "info", "warning"]), ("warning", ["warning"])]
)
def test_a_process_logs_on_stderr_from_its_level_on(level: str, events: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(level=level, form="json")],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == ""
    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == events


FLOODED = """
import logging, os, sys, time
from lens import logs
logs.configure("info", "json")
log = logging.getLogger("lens.access")
began = time.monotonic()
for number in range(20_000):
    log.info("request", extra={"path": "p" * 1000})
print(round(time.monotonic() - began, 3), logs.dropped["full"], flush=True)
os._exit(0)
"""


def test_nobody_who_does_not_read_the_log_holds_up_who_writes_it() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", FLOODED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    seconds, dropped = program.stdout.readline().split()
    assert program.wait(timeout=60) == 0
    assert float(seconds) < 50
    assert int(dropped) > 10_000
    program.communicate()


def test_a_process_whose_log_nobody_reads_ends_all_the_same() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", FLOODED.replace("os._exit(0)", "")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.wait(timeout=60) == 0
    program.communicate()


def test_the_number_of_dropped_lines_is_logged_once_stderr_is_read() -> None:
    program = FLOODED.replace("os._exit(0)", "sys.stdin.read()\nlog.info('last')")
    done = subprocess.run(
        [sys.executable, "-c", program], input="", capture_output=True, text=True, timeout=60, check=True
    )
    entries = [json.loads(line) for line in done.stderr.splitlines()]
    dropped = int(done.stdout.split()[1])
    told = sum(entry.get("count", 0) for entry in entries if entry["logger"] == "lens.log")
    assert told == dropped
    assert sum(entry["event"] == "request" for entry in entries) == 20_000 - dropped
    assert entries[-1]["event"] == "last"
