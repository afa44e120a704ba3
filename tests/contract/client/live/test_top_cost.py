"""top is left open for hours on large clusters: what it costs there."""

import os
import threading
import time

import pytest

from tests.contract.client import cluster, lens
from tests.contract.client.processes import Process

NODES = 5000
MEASURED_SECONDS = 8
CHANGES_PER_SECOND = 200


@pytest.mark.slow
def test_five_thousand_nodes_take_a_twentieth_of_a_core_and_80_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the processor's time, which a busy machine doesn't lengthen."""
    rows = [cluster.node(f"gpu-node-{n:05}", 4, 4, utilization=n % 100 + 0.5) for n in range(NODES)]
    monkeypatch.setattr(cluster, "NODES", rows)
    with lens.running() as server, Process(server.url, ["top"], columns=160) as shell:
        shell.wait_for("5000  by util")
        pid, ended = shell.process.pid, threading.Event()
        reader = threading.Thread(target=shell.read_until, args=[ended])
        reader.start()
        try:
            start = _cpu_seconds(pid)
            for number in range(MEASURED_SECONDS * 4):
                some = [rows[(number * 97 + n * 31) % NODES] for n in range(CHANGES_PER_SECOND // 4)]
                changed = [{**row, "utilization": (number * 7 + n) % 100 + 0.1} for n, row in enumerate(some)]
                change = {"nodes": {"changed": changed, "gone": []}, "status": cluster.FIGURES}
                server.send("change", {"timestamp": cluster.TIMESTAMP, **change})
                time.sleep(0.25)
            used = _cpu_seconds(pid) - start
        finally:
            ended.set()
            reader.join()
        assert used <= 0.05 * MEASURED_SECONDS
        assert _peak_bytes(pid) <= 80 * 2**20
        shell.type("q")
        assert shell.end() == 0


def _cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_bytes(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
