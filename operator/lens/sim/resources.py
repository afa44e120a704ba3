"""The resources that the simulated apiserver serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Resource:
    """One resource of a group ("" is core); `fields` are its field labels, with an absent field's value.

    Field labels: `pkg/apis/core/v1/conversion.go` in Kubernetes 1.37; of most others name and namespace.
    """

    plural: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...]
    fields: Mapping[str, str]
    group: str = ""
    version: str = "v1"

    @property
    def api_version(self) -> str:
        """Return `v1`, or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """Return the path that the resource is below: `/api/v1`, or `/apis/apps/v1`."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def key(self, namespace: str, name: str) -> str:
        """Return where an object is stored, as in etcd: `namespace/name`, or `name` of a cluster's own."""
        return f"{namespace}/{name}" if self.namespaced else name

    def key_of(self, obj: Object) -> str:
        """Return an object's key; KeyError where its metadata lacks a part of it."""
        metadata = obj["metadata"]
        return self.key(metadata["namespace"] if self.namespaced else "", metadata["name"])

    def typed(self, body: bytes) -> bytes:
        """Return an object's JSON with `kind` and `apiVersion`, which it lacks inside a list."""
        return b'{"kind":"%s","apiVersion":"%s",%s' % (
            self.kind.encode(),
            self.api_version.encode(),
            body[1:],
        )


NAMESPACES = Resource(
    plural="namespaces",
    kind="Namespace",
    namespaced=False,
    short_names=("ns",),
    fields={"metadata.name": "", "status.phase": ""},
)
NODES = Resource(
    plural="nodes",
    kind="Node",
    namespaced=False,
    short_names=("no",),
    fields={"metadata.name": "", "spec.unschedulable": "false"},
)
PODS = Resource(
    plural="pods",
    kind="Pod",
    namespaced=True,
    short_names=("po",),
    fields={
        "metadata.name": "",
        "metadata.namespace": "",
        "spec.nodeName": "",
        "spec.restartPolicy": "",
        "spec.schedulerName": "",
        "spec.serviceAccountName": "",
        "spec.hostNetwork": "false",
        "status.phase": "",
        "status.podIP": "",
        "status.nominatedNodeName": "",
    },
)
EVENTS = Resource(
    plural="events",
    kind="Event",
    namespaced=True,
    short_names=("ev",),
    fields={
        "metadata.name": "",
        "metadata.namespace": "",
        "involvedObject.kind": "",
        "involvedObject.namespace": "",
        "involvedObject.name": "",
        "involvedObject.uid": "",
        "reason": "",
        "type": "",
    },
)

DAEMON_SETS = Resource(
    plural="daemonsets",
    kind="DaemonSet",
    namespaced=True,
    short_names=("ds",),
    fields={"metadata.name": "", "metadata.namespace": ""},
    group="apps",
)

SERVED = (NAMESPACES, NODES, PODS, EVENTS, DAEMON_SETS)
"""All of them, group by group."""
