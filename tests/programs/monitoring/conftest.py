"""`lens demo` with agents, and a Prometheus that scrapes it as docs/monitoring.md says.

It scrapes all of it twice, as two clusters: `kept` with honor_labels for the agents, `renamed` without. Of
each there are two targets for Lens, as there are two replicas.
"""

import copy
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests import required
from tests.integration.operator import Command, environment, get
from tests.integration.test_demo import TOKEN, children
from tests.monitoring.files import RULES, scrape_configs
from tests.programs.monitoring.prometheus import Prometheus

CLUSTERS = ("kept", "renamed")
NODES = 4


class Demo:
    """A running demo, its files, and the addresses that it has printed."""

    def __init__(self, command: Command, folder: Path) -> None:
        self.command = command
        self._folder = folder
        self.lens = self._printed(r"Lens +(http://\S+)")
        self.apiserver = self._printed(r"simulated apiserver +(http://\S+)")
        self.agents_port = urlsplit(self._printed(r'curl "(http://\S+)/v1/devices"')).port

    def _printed(self, pattern: str) -> str:
        match = re.search(pattern, self.command.text)
        assert match, self.command.text
        return match[1]

    def status(self) -> Any:
        """Return what Lens says of the cluster."""
        return get(f"{self.lens}/api/v1/realtime/status?cluster=prod-cluster", TOKEN)[1]["data"]

    def pods(self, namespace: str) -> list[Any]:
        """Return the simulated pods of a namespace."""
        found: list[Any] = get(f"{self.apiserver}/api/v1/namespaces/{namespace}/pods", TOKEN)[1]["items"]
        return found

    def ask_for_a_reset(self, node: str, *, wanted: bool) -> None:
        """Let the driver of a node ask for its first GPU's reset, or no more.

        It has to be said again and again: the demo writes the file anew when the node's pods change.
        """
        (scenario,) = self._folder.glob(f"lens-demo-*/{node}.scenario")
        lines = [line for line in scenario.read_text().splitlines() if line != "gpu 0 recovery 1"]
        unfinished = scenario.with_suffix(".test")
        unfinished.write_text("\n".join([*lines, *(["gpu 0 recovery 1"] if wanted else []), ""]))
        unfinished.replace(scenario)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Return a demo of which every node has an agent, and one agent has just been killed."""
    folder = tmp_path_factory.mktemp("demo")
    args = ["demo", "--port", "0", "--nodes", str(NODES), "--agents", str(NODES), "--seed", "7"]
    with Command(args, folder / "output", environment() | {"TMPDIR": str(folder)}) as command:
        command.wait_for_text(f"Agents on {NODES} of the nodes")
        os.kill(max(children(command.process.pid)), signal.SIGKILL)
        yield Demo(command, folder)
        command.end()


@pytest.fixture(scope="session")
def prometheus(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Return a Prometheus that has begun to scrape."""
    required.program("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "token").write_text(TOKEN)
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [
            each for cluster in CLUSTERS for each in _of_cluster(cluster, demo, folder / "token")
        ],
    }
    with Prometheus(config, folder) as running:
        yield running


def _of_cluster(cluster: str, demo: Demo, token: Path) -> list[dict[str, Any]]:
    """Return the guide's configuration, with what Kubernetes' discovery would find put in its place.

    Debian's Prometheus is built without that discovery.
    """
    lens, agents = copy.deepcopy(scrape_configs())
    lens["static_configs"] = _replicas(urlsplit(demo.lens).port)
    agents["static_configs"] = [_pod(each, demo.agents_port) for each in demo.pods("lens")]
    agents["honor_labels"] = cluster == "kept"
    for job in (lens, agents):
        del job["kubernetes_sd_configs"]
        # A job's name is there once, so the label is set as the monitors set it.
        job["relabel_configs"].append({"target_label": "job", "replacement": job["job_name"]})
        job["job_name"] += f"-{cluster}"
        job["authorization"]["credentials_file"] = str(token)
        for rule in job["relabel_configs"]:
            if rule.get("target_label") == "cluster":
                rule["replacement"] = cluster
    return [lens, agents]


def _replicas(port: int | None) -> list[dict[str, Any]]:
    """Return two targets for the one Lens: its Service's endpoints."""
    return [
        {
            "targets": [f"{host}:{port}"],
            "labels": {
                "__meta_kubernetes_service_name": "lens-api",
                "__meta_kubernetes_namespace": "lens",
                "__meta_kubernetes_pod_name": pod,
            },
        }
        for host, pod in (("127.0.0.1", "lens-a"), ("localhost", "lens-b"))
    ]


def _pod(pod: Any, port: int | None) -> dict[str, Any]:
    """Return a pod as a target."""
    (owner,) = pod["metadata"].get("ownerReferences") or [{"kind": "", "name": ""}]
    return {
        "targets": [f"{pod['status']['podIP']}:{port}"],
        "labels": {
            "__meta_kubernetes_namespace": pod["metadata"]["namespace"],
            "__meta_kubernetes_pod_name": pod["metadata"]["name"],
            "__meta_kubernetes_pod_node_name": pod["spec"]["nodeName"],
            "__meta_kubernetes_pod_controller_kind": owner["kind"],
            "__meta_kubernetes_pod_controller_name": owner["name"],
        },
    }
