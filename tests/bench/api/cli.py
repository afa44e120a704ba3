"""`kubectl lens`: how soon it prints figures and changes of a Lens 30 ms away, and what its screen takes.

`python -m tests.bench.api.cli` runs it alone. It needs a machine that does nothing else: Lens shares its
processors.
"""

import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.bench.api.answers import TOKEN
from tests.bench.api.distance import Distance
from tests.bench.figures import Figures
from tests.bench.percentile import percentile
from tests.bench.process import Process, run_once, usage
from tests.contract.client.processes import Process as Shell
from tests.contract.client.processes import command

NODES = 1_000
LARGE = 5_000
ROUND_TRIP_S = 0.030
ROUNDS = 15
CHANGES_PER_SECOND = 50
CHANGES_SEEN = 500
SETTLE_S = 5.0
TOP_S = 60.0

MODULES = """
import sys
from lens_client import main
before = set(sys.modules)
main.run(sys.argv[1:], "kubectl lens")
sys.stderr.write(chr(10) + " ".join(["lens_client.main", *(set(sys.modules) - before)]))
"""
"""Runs a command, and says last which modules it has imported."""

IMPORTS = """
import sys, time
began = time.process_time_ns()
for name in sys.argv[1:]:
    __import__(name)
print(time.process_time_ns() - began)
"""


class _Server(NamedTuple):
    pid: int
    port: int


def measure(figures: Figures) -> None:
    """Add the command's figures. Needs no cluster."""
    with _server(NODES) as server, Distance(server.port, ROUND_TRIP_S) as far:
        first = [_first_ms(far.port) for _ in range(ROUNDS)]
        figures.add("cli_first_ms", statistics.median(first), "ms")
        figures.add("cli_first_max_ms", max(first), "ms")
        modules = _modules(far.port)
        figures.add("cli_imports_ms", statistics.median(_imports_ms(modules) for _ in range(ROUNDS)), "ms")
        figures.add("cli_watch_ms", percentile(_late_ms(far.port), 0.95), "ms")
    with _server(LARGE) as server:
        _measure_top(figures, server.port)


@contextmanager
def _server(nodes: int) -> Iterator[_Server]:
    with tempfile.TemporaryDirectory() as folder:
        tokens = Path(folder) / "tokens.yaml"
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        tokens.write_text(f"tokens: [{{name: bench, sha256: {digest}}}]")
        args = ["--nodes", str(nodes), "--changes", str(CHANGES_PER_SECOND), "--tokens", str(tokens)]
        with Process([sys.executable, "-m", "tests.bench.api.lens_server", *args]) as process:
            yield _Server(process.pid, int(process.ready(deadline_s=120).line["port"]))


def _environment(port: int) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LENS_")}
    return {**kept, "LENS_URL": f"http://127.0.0.1:{port}", "LENS_TOKEN": TOKEN}


def _first_ms(port: int) -> float:
    """Return how long after its start a new process has printed figures."""
    began = time.monotonic()
    with subprocess.Popen(
        command(["status"]), env=_environment(port), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if b"bench" in line:
                return 1000 * (time.monotonic() - began)
    raise RuntimeError(f"status has printed no figures, and ended with {process.returncode}")


def _modules(port: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", MODULES, "status"],
        env=_environment(port),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr.rpartition("\n")[2].split()


def _imports_ms(modules: Sequence[str]) -> float:
    """Return the processor's time that the imports take beyond the interpreter's own start."""
    return int(run_once([sys.executable, "-c", IMPORTS, *modules]).stdout) / 1e6


def _late_ms(port: int) -> list[float]:
    """Return how long after each change of a pod `-w` has printed it; its uid is the change's nanosecond."""
    late: list[float] = []
    arguments = ["tasks", "-A", "-w", "-o", "jsonpath={.pod_uid} {.phase}{'\\n'}"]
    with subprocess.Popen(
        command(arguments), env=_environment(port), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        began = time.time_ns()
        for line in process.stdout:
            now = time.time_ns()
            uid, _, phase = line.decode().rstrip().partition(" ")
            if uid.isdecimal() and int(uid) > began and phase != "Gone":
                late.append((now - int(uid)) / 1e6)
            if len(late) == CHANGES_SEEN:
                break
        process.terminate()
    return late


def _measure_top(figures: Figures, port: int) -> None:
    ended = threading.Event()
    with Shell(f"http://127.0.0.1:{port}", ["top"], columns=160, environ={"LENS_TOKEN": TOKEN}) as shell:
        shell.wait_for(f"{LARGE}  by util")
        reader = threading.Thread(target=shell.read_until, args=[ended])
        reader.start()
        try:
            time.sleep(SETTLE_S)
            before = usage(shell.process.pid)
            time.sleep(TOP_S)
            after = usage(shell.process.pid)
        finally:
            ended.set()
            reader.join()
        shell.type("q")
        shell.end()
    figures.add("cli_top_cpu_percent", 100 * (after.cpu_s - before.cpu_s) / TOP_S, "%")
    figures.add("cli_top_rss_mb", after.peak_rss_mib * 1.048576, "MB")


if __name__ == "__main__":
    measured = Figures()
    measure(measured)
    measured.write(Path("build/cli.json"))
