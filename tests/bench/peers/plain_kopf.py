"""The plain kopf peer: `on.event` handlers that keep the GPUs of each node, as kopf's documentation has them.

Nothing is written to the cluster: storages that store nothing, no events posted.
"""

import argparse
import json
import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

import kopf

GPUS = ("nvidia.com/gpu", "amd.com/gpu")


class NoProgress(kopf.ProgressStorage):
    """Store no handler's progress: event handlers have none."""

    def fetch(self, **_: Any) -> None: ...
    def store(self, **_: Any) -> None: ...
    def purge(self, **_: Any) -> None: ...
    def touch(self, **_: Any) -> None: ...
    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


class NoDiffBase(kopf.DiffBaseStorage):
    """Store no last-handled state: event handlers compare nothing."""

    def fetch(self, **_: Any) -> None: ...
    def store(self, **_: Any) -> None: ...


class Sums:
    """The GPUs that each pod holds and each node offers, and one line on stdout when all are known."""

    def __init__(self, pods: int, nodes: int) -> None:
        self.expected_pods = pods
        self.expected_nodes = nodes
        self.pods: dict[str, tuple[str, int]] = {}
        self.nodes: dict[str, int] = {}
        self.allocated: Counter[str] = Counter()
        self.announced = False

    def pod(self, event: kopf.RawEvent, uid: str, spec: kopf.Spec) -> None:
        """Count a pod's GPUs on its node, instead of what it held before."""
        node, held = self.pods.pop(uid, ("", 0))
        self.allocated[node] -= held
        if event["type"] == "DELETED":
            return
        node, held = self.pods[uid] = (spec.get("nodeName", ""), request(spec))
        self.allocated[node] += held
        self.announce()

    def node(self, event: kopf.RawEvent, name: str, status: kopf.Status) -> None:
        """Count the GPUs that a node offers."""
        if event["type"] == "DELETED":
            self.nodes.pop(name, None)
            return
        self.nodes[name] = gpus(status.get("allocatable", {}))
        self.announce()

    def announce(self) -> None:
        """Print the ready line, once."""
        pods, nodes = len(self.pods), len(self.nodes)
        if self.announced or pods < self.expected_pods or nodes < self.expected_nodes:
            return
        self.announced = True
        ready = {
            "event": "ready",
            "pods": pods,
            "nodes": nodes,
            "allocated_gpus": self.allocated.total() - self.allocated[""],
            "allocatable_gpus": sum(self.nodes.values()),
        }
        print(json.dumps(ready), flush=True)


def gpus(resources: Mapping[str, str]) -> int:
    """Return the GPUs in a map of resources."""
    return sum(int(resources.get(name, 0)) for name in GPUS)


def request(spec: Mapping[str, Any]) -> int:
    """Return the GPUs that a pod needs at once, init containers and sidecars included (KEP-753)."""

    def asked(container: Mapping[str, Any]) -> int:
        return gpus(container.get("resources", {}).get("requests", {}))

    sidecars = peak = 0
    for container in spec.get("initContainers", []):
        peak = max(peak, sidecars + asked(container))
        if container.get("restartPolicy") == "Always":
            sidecars += asked(container)
    return max(peak, sidecars + sum(map(asked, spec.get("containers", []))))


def main() -> None:
    """Run the operator until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--pods", type=int, required=True, help="how many pods to know before being ready")
    parser.add_argument("--nodes", type=int, required=True, help="how many nodes to know before being ready")
    arguments = parser.parse_args()
    os.environ["KUBECONFIG"] = arguments.kubeconfig
    sums = Sums(arguments.pods, arguments.nodes)

    @kopf.on.login()
    def login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_kubeconfig(settings=settings)

    @kopf.on.startup()
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.posting.enabled = False
        settings.persistence.progress_storage = NoProgress()
        settings.persistence.diffbase_storage = NoDiffBase()
        settings.watching.field_selectors["pods"] = "status.phase!=Succeeded,status.phase!=Failed"

    @kopf.on.event("pods")
    async def pod_event(event: kopf.RawEvent, uid: str, spec: kopf.Spec, **_: Any) -> None:
        sums.pod(event, uid, spec)

    @kopf.on.event("nodes")
    async def node_event(event: kopf.RawEvent, name: str, status: kopf.Status, **_: Any) -> None:
        sums.node(event, name, status)

    kopf.run(standalone=True, clusterwide=True)


if __name__ == "__main__":
    main()
