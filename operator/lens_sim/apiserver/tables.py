"""Objects as rows, for a kubectl that asks for a Table (metav1.Table)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from lens_sim.objects.resources import (
    DAEMON_SETS,
    DEVICE_CLASSES,
    DEVICE_TAINT_RULES,
    NAMESPACES,
    NODES,
    PODS,
    RESOURCE_CLAIM_TEMPLATES,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
    Object,
    Resource,
)
from lens_sim.objects.timestamps import age

_META = "meta.k8s.io/v1"

Cells = Callable[[Object, datetime], list[Any]]


@dataclass(frozen=True)
class Columns:
    """A resource's columns; those after the first `narrow` are shown by `kubectl get -o wide`."""

    names: tuple[str, ...]
    narrow: int
    cells: Cells


def wants_table(accept: str, resource: Resource) -> bool:
    """Return whether a request's Accept header asks for a Table, and the resource has columns."""
    return "as=Table" in accept and resource in _COLUMNS


def table(resource: Resource, bodies: Sequence[bytes], metadata: Object, now: datetime) -> bytes:
    """Return objects' JSON as a Table with one row each."""
    columns = _COLUMNS[resource]
    rows = []
    for body in bodies:
        obj = msgspec.json.decode(body)
        partial = {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj["metadata"]}
        rows.append({"cells": columns.cells(obj, now), "object": partial})
    definitions = [
        {
            "name": name,
            "type": "string",
            "format": "name" if name == "Name" else "",
            "description": name,
            "priority": int(index >= columns.narrow),
        }
        for index, name in enumerate(columns.names)
    ]
    kind = {"kind": "Table", "apiVersion": _META}
    return msgspec.json.encode({**kind, "metadata": metadata, "columnDefinitions": definitions, "rows": rows})


def _pod(pod: Object, now: datetime) -> list[Any]:
    status = pod.get("status", {})
    containers = status.get("containerStatuses", [])
    ready = sum(bool(container.get("ready")) for container in containers)
    return [
        pod["metadata"]["name"],
        f"{ready}/{len(pod.get('spec', {}).get('containers', []))}",
        _pod_status(pod, containers),
        str(sum(container.get("restartCount", 0) for container in containers)),
        age(pod["metadata"]["creationTimestamp"], now),
        status.get("podIP", "<none>"),
        pod.get("spec", {}).get("nodeName", "<none>"),
    ]


def _pod_status(pod: Object, containers: Sequence[Object]) -> str:
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    for condition in pod.get("status", {}).get("conditions", []):
        if condition.get("reason") == "SchedulingGated":
            return "SchedulingGated"
    for container in containers:
        for state in container.get("state", {}).values():
            if "reason" in state:
                return str(state["reason"])
    return str(pod.get("status", {}).get("phase", "Unknown"))


def _node(node: Object, now: datetime) -> list[Any]:
    status = node.get("status", {})
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", [])}
    words = ["Ready" if conditions.get("Ready") == "True" else "NotReady"]
    if node.get("spec", {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    info = status.get("nodeInfo", {})
    addresses = {address["type"]: address["address"] for address in status.get("addresses", [])}
    return [
        node["metadata"]["name"],
        ",".join(words),
        "<none>",
        age(node["metadata"]["creationTimestamp"], now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", "<none>"),
        info.get("osImage", "<unknown>"),
    ]


def _namespace(namespace: Object, now: datetime) -> list[Any]:
    metadata = namespace["metadata"]
    phase = namespace.get("status", {}).get("phase", "")
    return [metadata["name"], phase, age(metadata["creationTimestamp"], now)]


def _daemon_set(daemon_set: Object, now: datetime) -> list[Any]:
    metadata, spec, status = daemon_set["metadata"], daemon_set.get("spec", {}), daemon_set.get("status", {})
    template = spec.get("template", {}).get("spec", {})
    return [
        metadata["name"],
        *(str(status.get(count, 0)) for count in _DAEMON_SET_COUNTS),
        _pairs(template.get("nodeSelector", {})),
        age(metadata["creationTimestamp"], now),
        ",".join(container["name"] for container in template.get("containers", [])),
        _pairs(spec.get("selector", {}).get("matchLabels", {})),
    ]


def _resource_claim(claim: Object, now: datetime) -> list[Any]:
    metadata, status = claim["metadata"], claim.get("status", {})
    states = ["deleted"] if "deletionTimestamp" in metadata else []
    if "allocation" in status:
        states += ["allocated", "reserved"] if status.get("reservedFor") else ["allocated"]
    elif not states:
        states = ["pending"]
    return [metadata["name"], ",".join(states), age(metadata["creationTimestamp"], now)]


def _resource_slice(resource_slice: Object, now: datetime) -> list[Any]:
    metadata, spec = resource_slice["metadata"], resource_slice.get("spec", {})
    return [
        metadata["name"],
        spec.get("nodeName", "<unset>"),
        spec.get("driver", ""),
        spec.get("pool", {}).get("name", ""),
        age(metadata["creationTimestamp"], now),
    ]


def _name_and_age(obj: Object, now: datetime) -> list[Any]:
    return [obj["metadata"]["name"], age(obj["metadata"]["creationTimestamp"], now)]


def _pairs(labels: Mapping[str, str]) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items()) or "<none>"


_DAEMON_SET_COUNTS = (
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
)
_DAEMON_SET = ("Name", "Desired", "Current", "Ready", "Up-to-date", "Available", "Node Selector", "Age")

_COLUMNS: Mapping[Resource, Columns] = {
    PODS: Columns(("Name", "Ready", "Status", "Restarts", "Age", "IP", "Node"), 5, _pod),
    NODES: Columns(("Name", "Status", "Roles", "Age", "Version", "Internal-IP", "OS-Image"), 5, _node),
    DAEMON_SETS: Columns((*_DAEMON_SET, "Containers", "Selector"), 8, _daemon_set),
    NAMESPACES: Columns(("Name", "Status", "Age"), 3, _namespace),
    RESOURCE_CLAIMS: Columns(("Name", "State", "Age"), 3, _resource_claim),
    RESOURCE_CLAIM_TEMPLATES: Columns(("Name", "Age"), 2, _name_and_age),
    RESOURCE_SLICES: Columns(("Name", "Node", "Driver", "Pool", "Age"), 5, _resource_slice),
    DEVICE_CLASSES: Columns(("Name", "Age"), 2, _name_and_age),
    DEVICE_TAINT_RULES: Columns(("Name", "Age"), 2, _name_and_age),
}
