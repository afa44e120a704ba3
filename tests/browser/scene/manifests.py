"""Nodes and pods as an apiserver has them: as much of each as the page shows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lens_sim.cluster.nodes import loopback
from lens_sim.objects.timestamps import rfc3339

GPU = "nvidia.com/gpu"
H100 = "NVIDIA-H100-80GB-HBM3"
A100 = "NVIDIA-A100-SXM4-80GB"
GPUS_PER_NODE = 8
AGENTS_NAMESPACE = "lens"
AGENT = "lens-agent"
AGENTS_LABEL = "app.kubernetes.io/name"
DAEMON_SET_UID = "d5b1f0c2-0000-4000-8000-000000000001"

Object = dict[str, Any]


def ago(seconds: float = 0.0) -> str:
    """Return the time so many seconds ago, as the apiserver writes it."""
    return rfc3339(datetime.now(UTC) - timedelta(seconds=seconds))


def namespace(name: str) -> Object:
    """Return a Namespace."""
    return {"metadata": {"name": name, "creationTimestamp": ago(10_000)}, "status": {"phase": "Active"}}


def node(
    name: str,
    gpus: int = GPUS_PER_NODE,
    *,
    healthy: int | None = None,
    ready: bool = True,
    cordoned: bool = False,
    product: str = H100,
) -> Object:
    """Return a Node; ``healthy`` is how many of its GPUs are allocatable."""
    room = {"cpu": "96", "memory": "1Ti", "pods": "250"}
    allocatable = gpus if healthy is None else healthy
    taints = [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}] if cordoned else []
    if not ready:
        taints += [
            {"key": "node.kubernetes.io/not-ready", "effect": effect}
            for effect in ("NoSchedule", "NoExecute")
        ]
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": ago(1_000_000),
            "labels": {"kubernetes.io/hostname": name, "nvidia.com/gpu.product": product},
        },
        "spec": {"taints": taints, **({"unschedulable": True} if cordoned else {})},
        "status": {
            "capacity": {**room, GPU: str(gpus)},
            "allocatable": {**room, GPU: str(allocatable)},
            "conditions": [
                {
                    "type": "Ready",
                    "status": str(ready),
                    "reason": "KubeletReady" if ready else "KubeletNotReady",
                    "lastTransitionTime": ago(1_000),
                }
            ],
        },
    }


def pod(
    name: str,
    on: str | None = None,
    gpus: int = 1,
    *,
    namespace: str = "research",
    since: float = 7_200.0,
    refused: str = "",
    gates: tuple[str, ...] = (),
    owner: tuple[str, str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    address: str = "",
) -> Object:
    """Return a pod that runs on a node, or waits where none is named: ``refused`` is the scheduler's reason.

    ``owner`` is its controller's kind, name and uid, ``since`` the seconds since its creation.
    """
    metadata: Object = {
        "name": name,
        "namespace": namespace,
        "creationTimestamp": ago(since),
        "labels": dict(labels or {"app": "train"}),
    }
    if owner is not None:
        kind, owner_name, uid = owner
        group = "apps/v1" if kind == "DaemonSet" else "batch/v1"
        metadata["ownerReferences"] = [
            {"apiVersion": group, "kind": kind, "name": owner_name, "uid": uid, "controller": True}
        ]
    amounts = {"cpu": "4", "memory": "16Gi", **({GPU: str(gpus)} if gpus else {})}
    spec: Object = {
        "containers": [{"name": "main", "image": "train:1", "resources": {"limits": amounts}}],
        "schedulerName": "default-scheduler",
        **({"nodeName": on} if on else {}),
        **({"schedulingGates": [{"name": gate} for gate in gates]} if gates else {}),
    }
    status: Object = {"phase": "Running", "startTime": ago(since - 5)} if on else {"phase": "Pending"}
    if address:
        status["podIP"] = address
    if on is None:
        reason, message = ("SchedulingGated", "") if gates else ("Unschedulable", refused)
        status["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": reason,
                "message": message,
                "lastTransitionTime": ago(since - 1),
            }
        ]
    return {"metadata": metadata, "spec": spec, "status": status}


def daemon_set(nodes: int) -> Object:
    """Return the agents' DaemonSet."""
    metadata = {"name": AGENT, "namespace": AGENTS_NAMESPACE, "uid": DAEMON_SET_UID}
    return {"metadata": metadata, "spec": {}, "status": {"desiredNumberScheduled": nodes}}


def agent(number: int, on: str) -> Object:
    """Return the pod of a node's agent, with an address on which a real server can listen."""
    return pod(
        f"{AGENT}-{number}",
        on,
        0,
        namespace=AGENTS_NAMESPACE,
        owner=("DaemonSet", AGENT, DAEMON_SET_UID),
        labels={AGENTS_LABEL: AGENT},
        address=loopback(number),
    )
