"""Raw Events as the parts of a cluster record them (core/v1)."""

import json
from typing import Any

from lens.model.events.kube_events import KubeEvent, read_event
from lens.model.k8s import timestamps
from tests.unit.model.manifests import Object

SCHEDULER = "default-scheduler"


def of_pod(
    reason: str,
    message: str = "",
    *,
    at: float,
    name: str = "train-0",
    namespace: str = "team",
    uid: str | None = None,
    kind: str = "Normal",
    host: str = "node-1",
    **fields: Any,
) -> Object:
    """Return a kubelet's Event of a pod."""
    regarding = {"kind": "Pod", "namespace": namespace, "name": name, "uid": uid or f"uid-{name}"}
    if reason == "Started":
        regarding["fieldPath"] = "spec.containers{main}"
    return {
        "metadata": {"name": f"{name}.1", "namespace": namespace, "uid": "e1", "resourceVersion": "7"},
        "involvedObject": regarding,
        "type": kind,
        "reason": reason,
        "message": message,
        "source": {"component": "kubelet", "host": host},
        "firstTimestamp": timestamps.render(at),
        "lastTimestamp": timestamps.render(at),
        "eventTime": None,
        "reportingComponent": "kubelet",
        "reportingInstance": host,
    } | fields


def of_scheduler(reason: str, message: str, *, at: float, kind: str = "Warning", **fields: Any) -> Object:
    """Return the scheduler's Event of a pod."""
    moment = timestamps.render(at).replace("Z", ".250000Z")
    return of_pod(reason, message, at=at, kind=kind, **fields) | {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": moment,
        "reportingComponent": SCHEDULER,
        "reportingInstance": "scheduler-0",
    }


def of_node(reason: str, *, at: float, name: str = "node-1", kind: str = "Normal") -> Object:
    """Return the node controller's Event of a node."""
    return {
        "metadata": {"name": f"{name}.1", "namespace": "default", "uid": "e2", "resourceVersion": "7"},
        "involvedObject": {"kind": "Node", "name": name, "uid": name},
        "type": kind,
        "reason": reason,
        "message": f"Node {name} status is now: {reason}",
        "source": {"component": "node-controller"},
        "firstTimestamp": timestamps.render(at),
        "lastTimestamp": timestamps.render(at),
        "reportingComponent": "",
    }


def read(raw: object, now: float) -> KubeEvent | None:
    """Read an Event as it comes from an apiserver."""
    return read_event(json.dumps(raw).encode(), now)


def reports(*raws: Object, now: float) -> list[KubeEvent]:
    """Read Events that all tell something."""
    found = [read(raw, now) for raw in raws]
    assert None not in found
    return [each for each in found if each is not None]
