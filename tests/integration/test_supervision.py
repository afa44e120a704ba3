"""`lens serve` with a defect in one of its jobs: the others go on, and so does that one once it can."""

import asyncio
import os
import resource
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lens import app, logs
from lens.config.serve import load
from lens.model.alerts import rules
from lens.model.alerts.alert import Condition, Thresholds
from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.resources import NODES
from lens_sim.objects.store import Store
from tests.integration.operator import Command, environment, get, wait_for
from tests.integration.served import served
from tests.integration.watch.objects import GPU, node

TOKEN = "token-of-a-test"
STATUS = "/api/v1/realtime/status?cluster=sim&include=alerts"


@pytest.fixture
def apiserver(tmp_path: Path) -> Iterator[Path]:
    """A simulated cluster with two nodes whose GPUs are unhealthy; the kubeconfig for it."""
    store = Store(1)
    for name in ("node-1", "node-2"):
        bad = node(name, 4)
        bad["status"]["allocatable"][GPU] = "2"
        store.put(NODES, bad, datetime.now(UTC))
    with served(SimApiServer(store, TOKEN), TOKEN, tmp_path / "kubeconfig") as kubeconfig:
        yield kubeconfig


def defective(
    name: str, occupied: NodeOccupancy | None, told: NodeTelemetry | None, limits: Thresholds
) -> Iterable[Condition]:
    """Rules with a defect that one node of the cluster brings out, until a file says that it is mended."""
    if name == "node-1" and not Path(os.environ["MENDED"]).exists():
        raise ZeroDivisionError("a defect in a rule")
    return rules.node_conditions(name, occupied, told, limits)


def serve_with_a_defect() -> None:
    """Run the operator as a library does: without what the command sets of its process."""
    settings = load({}, os.environ)
    logs.configure(settings.log_level, settings.log_format)
    before = sys.getswitchinterval()
    asyncio.run(
        app.serve(settings, lambda server: print(f"serves at {server.url}", flush=True), node_rules=defective)
    )
    print("switch interval", "kept" if sys.getswitchinterval() == before else "changed", flush=True)


def metric(url: str, sample: str) -> float:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{sample} ")), -1.0)


def test_a_defect_in_an_alert_rule_costs_neither_the_figures_nor_other_alerts(
    apiserver: Path, tmp_path: Path
) -> None:
    mended = tmp_path / "mended"
    env = environment(
        cluster="sim",
        listen="127.0.0.1:0",
        auth="none",
        kubeconfig=str(apiserver),
        alert_for_seconds="0",
        cache_seconds="0",
    ) | {"MENDED": str(mended)}
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Command(["serve"], tmp_path / "log", env, forked=True, run=serve_with_a_defect) as lens:
        # The log's lines go to the same file.
        url = lens.wait_for_match(r"(?m)^serves at (http://127\.0\.0\.1:\d+)\n")[1]
        failures = 'lens_job_failures_total{job="monitor"}'
        wait_for(lambda: metric(url, failures) >= 2, "the rules fail more than once")
        assert lens.process.poll() is None
        assert "a defect in a rule" in lens.text
        status, answer = get(url + STATUS)
        assert status == 200
        assert [alert["source"] for alert in answer["data"]["alerts"]] == ["Node/node-2"]
        assert answer["data"]["current_gpu_usage"]["total_gpus"] == 8
        assert metric(url, 'lens_job_failures_total{job="watch"}') == 0
        mended.touch()
        wait_for(
            lambda: len(get(url + STATUS)[1]["data"]["alerts"]) == 2, "the node's alert once the rule works"
        )
        assert resource.prlimit(lens.process.pid, resource.RLIMIT_NOFILE) == usual
        assert lens.end() == 0
        assert "switch interval kept" in lens.text
