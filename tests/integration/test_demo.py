"""`lens demo`: what a newcomer sees first."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.operator import Command, environment, get, wait_for
from tests.recount import recount

TOKEN = "demo-token"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Return a demo that has introduced itself."""
    output = tmp_path_factory.mktemp("demo") / "output"
    with Command(["demo", "--port", "0", "--nodes", "6", "--seed", "7"], output, environment()) as command:
        command.wait_for_text("Ctrl+C ends it.")
        yield command


def address(demo: Command, of: str) -> str:
    """Return a URL that the introduction gives."""
    match = re.search(rf"{of} +(http://127\.0\.0\.1:\d+)", demo.text)
    assert match, demo.text
    return match[1]


def test_the_simulation_is_named_as_one(demo: Command) -> None:
    assert "SIMULATED" in demo.text.splitlines()[0]


def test_every_printed_curl_line_can_be_pasted(demo: Command) -> None:
    lines = re.findall(r"^  (curl (?:.*\\\n)?.*)$", demo.text, re.MULTILINE)
    assert len(lines) == 6
    for line in lines:
        done = subprocess.run(["bash", "-c", f"{line} -s --fail"], capture_output=True, check=False)
        assert done.returncode == 0, line
        assert done.stdout.startswith(b"{"), line


def test_the_answer_equals_a_recount_of_the_simulated_clusters_objects(demo: Command) -> None:
    lens, kube = address(demo, "Lens"), address(demo, "simulated apiserver")

    def says() -> dict[str, Any]:
        _, status = get(f"{lens}/api/v1/realtime/status?cluster=prod-cluster", TOKEN)
        usage, available = status["data"]["current_gpu_usage"], status["data"]["available_resources"]
        return {**{name: usage[name] for name in ("total_gpus", "allocated_gpus")}, **available}

    def counted() -> dict[str, Any]:
        objects = [get(f"{kube}/api/v1/{kind}", TOKEN)[1]["items"] for kind in ("pods", "nodes")]
        figures = recount(*objects)
        return {name: figures[name] for name in says()}

    # The cluster lives: the same moment has to be met by both.
    wait_for(lambda: says() == counted(), "agreement")


def test_kubectl_finds_the_pods_with_the_printed_line(demo: Command) -> None:
    match = re.search(r"kubectl --kubeconfig (\S+) get pods -A", demo.text)
    assert match
    try:
        done = subprocess.run(
            ["kubectl", "--kubeconfig", match[1], "get", "pods", "-A", "--no-headers"],
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("kubectl is not on PATH")
    assert done.returncode == 0, done.stderr
    assert b"ml-team" in done.stdout


def test_the_quickstarts_team_has_gpus(demo: Command) -> None:
    url = f"{address(demo, 'Lens')}/api/v1/realtime/running-tasks?cluster=prod-cluster&namespace=ml-team"
    _, tasks = get(url, TOKEN)
    assert sum(task["allocated_gpus"] for task in tasks["data"]["tasks"]) > 0
    assert {task["workload_type"] for task in tasks["data"]["tasks"]} <= {
        "CronJob",
        "Deployment",
        "Job",
        "Pod",
        "PyTorchJob",
    }


def test_a_busy_port_is_one_clear_line(demo: Command, tmp_path: Path) -> None:
    port = address(demo, "Lens").rpartition(":")[2]
    with Command(["demo", "--port", port], tmp_path / "output", environment()) as second:
        assert second.process.wait(timeout=30) == 2
        assert second.text == (
            f"lens: LENS_LISTEN: can't listen on 127.0.0.1:{port}: Address already in use\n"
        )
