"""Kubernetes objects as an apiserver writes them, and a cluster of them with its state."""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from lens.model.cluster_state import ClusterState, StateView
from lens.model.fit.admission.policies import Policies
from lens.model.fit.fit_store import Pending, node_for_fit, node_store, pod_for_fit, pod_store
from lens.model.fit.state import FitState
from lens.model.fit.view import FitView
from lens.model.inventory.decoding.kinds import node_decoder, pod_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.pod import PodKey
from lens.model.inventory.occupancy.placement import Placement
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from tests.unit.model import dra_manifests

Manifest = dict[str, Any]

GPU = "nvidia.com/gpu"

NO_POLICIES = Policies({name: {} for name in ("default", "team-a", "team-b")}, {}, {}, {}, {}, {})
"""All of them are known: some Namespaces, and nothing else."""


def node(
    name: str,
    gpus: int = 8,
    *,
    healthy: int | None = None,
    resource: str = GPU,
    ready: bool = True,
    cordoned: bool = False,
    taints: Iterable[Mapping[str, str]] = (),
    product: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """Return a Node; ``healthy`` is how many of its GPUs are allocatable."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "1",
            "labels": ({"nvidia.com/gpu.product": product} if product else {}) | dict(labels or {}),
        },
        "spec": {"taints": list(taints), **({"unschedulable": True} if cordoned else {})},
        "status": {
            "capacity": {"cpu": "64", resource: str(gpus)},
            "allocatable": {
                "cpu": "63500m",
                "pods": "110",
                resource: str(gpus if healthy is None else healthy),
            },
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def pod(
    name: str,
    node_name: str,
    gpus: int = 1,
    *,
    namespace: str = "ml-team",
    resource: str = GPU,
    phase: str = "Running",
    started: str | None = "2025-12-19T14:30:00Z",
    owner: tuple[str, str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    terminating: bool = False,
) -> Manifest:
    """Return a Pod that is bound to a node; ``owner`` is its controller's apiVersion, kind and name."""
    references = []
    if owner:
        version, kind, name_of_owner = owner
        references = [
            {"apiVersion": version, "kind": kind, "name": name_of_owner, "uid": "o", "controller": True}
        ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"uid-{namespace}-{name}",
            "resourceVersion": "1",
            "labels": dict(labels or {}),
            "ownerReferences": references,
            **({"deletionTimestamp": "2025-12-19T15:29:00Z"} if terminating else {}),
        },
        "spec": {
            "nodeName": node_name,
            "containers": [{"name": "main", "resources": {"limits": {resource: str(gpus)}}}],
        },
        "status": {"phase": phase, **({"startTime": started} if started else {})},
    }


class Cluster:
    """Objects that are read as Lens reads them, and the state that they make."""

    def __init__(self) -> None:
        """Start with nothing known."""
        gpus = GpuResources()
        self._pods, self._nodes = pod_decoder(gpus, fit=pod_for_fit), node_decoder(gpus, node_for_fit)
        self._fit = FitState()
        self._pending = Pending()
        self._pod_store, self._node_store = pod_store(self._fit, self._pending), node_store(self._fit)
        self._ledger = Ledger(TaintPolicy())
        self.state = ClusterState()

    def add(self, *objects: Manifest) -> None:
        """File objects; nobody sees them before ``publish``."""
        for each in objects:
            raw = json.dumps(each).encode()
            if each["kind"] == "Pod":
                pod_reading = self._pods.read(raw)
                assert pod_reading.problem is None
                self._ledger.put_pod(pod_reading.key, pod_reading.value)
                self._pod_store.apply_line(pod_reading.key, pod_reading.fit)
            elif each["kind"] != "Node":
                dra_manifests.put(self._ledger, each)
                dra_manifests.put_fit(self._fit.devices, each)
            else:
                node_reading = self._nodes.read(raw)
                assert node_reading.problem is None
                self._ledger.put_node(node_reading.key, node_reading.value)
                self._node_store.apply_line(node_reading.key, node_reading.fit)

    def place(self, node: str, placement: Placement) -> None:
        """File where a node's shared units are."""
        self._ledger.put_placement(node, placement)

    def remove_pod(self, namespace: str, name: str) -> None:
        """Take a pod out; nobody sees it before ``publish``."""
        self._ledger.put_pod(PodKey(namespace, name), None)
        self._pod_store.apply_line(PodKey(namespace, name), None)

    def remove_node(self, name: str) -> None:
        """Take a node out; nobody sees it before ``publish``."""
        self._ledger.put_node(name, None)
        self._node_store.apply_line(name, None)

    def publish(
        self,
        at: float,
        *,
        synced: bool = True,
        unseen: Mapping[str, str] = MappingProxyType({}),
        policies: Policies = NO_POLICIES,
        fit_unseen: Mapping[str, str] = MappingProxyType({}),
        devices_unseen: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Publish all that was stored, current at epoch second ``at``; for fit, with what admission adds."""
        contacts = {"pods": at, "nodes": at}
        self._fit.set_namespaces(policies.namespaces)
        self.state.current = StateView(
            snapshot=self._ledger.snapshot(),
            synced=synced,
            contacts=contacts,
            unseen=unseen,
            fit=FitView(self._fit.fleet(), policies, fit_unseen, devices_unseen, self._pending.view()),
        )
