"""Raw Pods and Nodes for examples, and the same road into the model that an apiserver's bytes take."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lens.model.gpu.exporters import ExporterPod
from lens.model.inventory.decoding.decoder import Reading
from lens.model.inventory.decoding.kinds import node_decoder, pod_decoder
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.node import Node
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.inventory.snapshot import Snapshot
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy

Object = dict[str, Any]

GPU = "nvidia.com/gpu"
NOW = "2025-12-19T15:30:00Z"

_pods = pod_decoder(GpuResources())
_nodes = node_decoder(GpuResources())


def container(name: str = "main", gpus: object = None, **fields: object) -> Object:
    """Return a container; ``gpus`` is its limit and its request, as the API defaults it."""
    resources = {} if gpus is None else {"limits": {GPU: gpus}, "requests": {GPU: gpus}}
    return {"name": name, "image": "train", "resources": resources} | fields


def sidecar(name: str, gpus: object) -> Object:
    """Return an init container that goes on running (KEP-753)."""
    return container(name, gpus, restartPolicy="Always")


def pod(
    *containers: Object,
    name: str = "train-0",
    namespace: str = "team",
    node: str | None = "node-1",
    phase: str = "Running",
    metadata: Mapping[str, object] | None = None,
    status: Mapping[str, object] | None = None,
    **spec: object,
) -> Object:
    """Return a pod; further arguments are fields of its spec."""
    bound = {"nodeName": node} if node is not None else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "resourceVersion": "7"}
        | dict(metadata or {}),
        "spec": {"containers": list(containers)} | bound | spec,
        "status": {"phase": phase, "startTime": NOW} | dict(status or {}),
    }


def node(
    name: str = "node-1",
    gpus: object = None,
    *,
    capacity: Mapping[str, object] | None = None,
    allocatable: Mapping[str, object] | None = None,
    taints: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    ready: str | None = "True",
    **spec: object,
) -> Object:
    """Return a node; ``gpus`` is both its capacity and its allocatable, taints are ``key:effect``."""
    offered = {} if gpus is None else {GPU: gpus}
    conditions = [] if ready is None else [{"type": "Ready", "status": ready}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": "7",
            "labels": dict(labels or {}),
        },
        "spec": {"taints": [_taint(text) for text in taints]} | spec,
        "status": {
            "capacity": dict(offered if capacity is None else capacity),
            "allocatable": dict(offered if allocatable is None else allocatable),
            "conditions": conditions,
        },
    }


def _taint(text: str) -> Object:
    head, _, effect = text.rpartition(":")
    key, equals, value = head.partition("=")
    return {"key": key, "effect": effect} | ({"value": value} if equals else {})


def read_pod(raw: object) -> Reading[PodKey, Pod]:
    """Read a pod as it comes from an apiserver."""
    reading = _pods.read(json.dumps(raw).encode())
    assert not isinstance(reading.value, ExporterPod)
    return Reading(reading.key, reading.version, reading.value, reading.problem)


def read_node(raw: object) -> Reading[str, Node]:
    """Read a node as it comes from an apiserver."""
    return _nodes.read(json.dumps(raw).encode())


def viewed_pod(raw: object) -> Pod:
    """Return the view of a pod that has one."""
    view = read_pod(raw).value
    assert view is not None, read_pod(raw).problem
    return view


def viewed_node(raw: object) -> Node:
    """Return the view of a node that has one."""
    view = read_node(raw).value
    assert view is not None, read_node(raw).problem
    return view


def units(raw: object) -> dict[str, int]:
    """Return what a pod asks of its node; empty for a pod without GPUs."""
    reading = read_pod(raw)
    assert reading.problem is None, reading.problem
    return dict(reading.value.units) if reading.value else {}


def ledger_of(*objects: Object, taints: TaintPolicy | None = None) -> Ledger:
    """Return a ledger with the objects stored."""
    ledger = Ledger(taints or TaintPolicy())
    for raw in objects:
        if raw["kind"] == "Pod":
            pod_reading = read_pod(raw)
            ledger.put_pod(pod_reading.key, pod_reading.value)
        else:
            node_reading = read_node(raw)
            ledger.put_node(node_reading.key, node_reading.value)
    return ledger


def snapshot_of(*objects: Object, taints: TaintPolicy | None = None) -> Snapshot:
    """Return the snapshot of a cluster that has the objects."""
    return ledger_of(*objects, taints=taints).snapshot()
