"""Small fleets for examples, through the same decoding as an apiserver's objects."""

import json
from collections.abc import Mapping, Sequence

import msgspec

from lens.model.fit.spec.asked import AskedPod, read_asked_pod
from lens.model.fit.spec.node import FitNode, read_fit_node
from lens.model.fit.spec.pod import FitPod, read_fit_pod
from lens.model.fit.state import FitState, Fleet
from lens.model.k8s.objects import NodeManifest, PodManifest
from tests.unit.model.manifests import GPU, Object

_node = msgspec.json.Decoder(NodeManifest).decode
_pod = msgspec.json.Decoder(PodManifest).decode


def node(name: str, gpus: int = 8, *, labels: Mapping[str, str] | None = None, **fields: object) -> Object:
    """Return a node; further arguments are fields of its spec, but ``allocatable``."""
    room = {"cpu": "8", "memory": "32Gi", "ephemeral-storage": "100Gi", "pods": "110", GPU: str(gpus)}
    allocatable = fields.pop("allocatable", room)
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "spec": fields,
        "status": {"allocatable": allocatable},
    }


def pod(
    gpus: int = 0,
    *,
    name: str = "pod",
    namespace: str = "default",
    labels: Mapping[str, str] | None = None,
    requests: Mapping[str, str] | None = None,
    status: Mapping[str, object] | None = None,
    **spec: object,
) -> Object:
    """Return a pod with one container; further arguments are fields of its spec."""
    requested = {**({GPU: str(gpus)} if gpus else {}), **(requests or {})}
    container = {"name": "main", "resources": {"requests": requested}}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": {"containers": [container], **spec},
        "status": dict(status or {}),
    }


def read_node(raw: Object) -> FitNode:
    """Return a node as a fit looks at it."""
    return read_fit_node(_node(json.dumps(raw).encode()))


def read_pod(raw: Object) -> FitPod | None:
    """Return a pod as a fit looks at it."""
    return read_fit_pod(_pod(json.dumps(raw).encode()))


def asked(raw: Object) -> AskedPod:
    """Return a pod that is asked about."""
    return read_asked_pod(json.dumps(raw).encode())


def state(nodes: Sequence[Object] = (), pods: Sequence[Object] = ()) -> FitState:
    """Return a state with nodes and pods, and no namespaces."""
    found = FitState()
    for each in nodes:
        found.put_node(each["metadata"]["name"], read_node(each))
    for each in pods:
        found.put_pod((each["metadata"]["namespace"], each["metadata"]["name"]), read_pod(each))
    return found


def fleet(nodes: Sequence[Object] = (), pods: Sequence[Object] = ()) -> Fleet:
    """Return a view of nodes and pods."""
    return state(nodes, pods).fleet()
