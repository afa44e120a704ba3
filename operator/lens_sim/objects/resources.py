"""The resources that the simulated apiserver serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

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


def metadata_alone(body: bytes) -> bytes:
    """Return the metadata of an object's JSON by itself (metav1.PartialObjectMetadata)."""
    metadata = msgspec.json.decode(body)["metadata"]
    return msgspec.json.encode(
        {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
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


def _namespaced(group: str, plural: str, kind: str, *short_names: str, version: str = "v1") -> Resource:
    """Return a resource of a group, of which name and namespace can be selected."""
    fields = {"metadata.name": "", "metadata.namespace": ""}
    return Resource(plural, kind, True, short_names, fields, group, version)


DAEMON_SETS = _namespaced("apps", "daemonsets", "DaemonSet", "ds")

OWNERS = (
    _namespaced("apps", "deployments", "Deployment", "deploy"),
    _namespaced("apps", "replicasets", "ReplicaSet", "rs"),
    _namespaced("batch", "cronjobs", "CronJob", "cj"),
    _namespaced("batch", "jobs", "Job"),
    _namespaced("jobset.x-k8s.io", "jobsets", "JobSet", version="v1alpha2"),
    _namespaced("kubeflow.org", "pytorchjobs", "PyTorchJob"),
)
"""What stands above pods, DaemonSets apart: metadata alone, since nobody reads more of them here."""

LIMIT_RANGES = _namespaced("", "limitranges", "LimitRange", "limits")
RESOURCE_QUOTAS = _namespaced("", "resourcequotas", "ResourceQuota", "quota")
RUNTIME_CLASSES = Resource("runtimeclasses", "RuntimeClass", False, (), {"metadata.name": ""}, "node.k8s.io")
PRIORITY_CLASSES = Resource(
    "priorityclasses", "PriorityClass", False, ("pc",), {"metadata.name": ""}, "scheduling.k8s.io"
)
POD_DISRUPTION_BUDGETS = _namespaced("policy", "poddisruptionbudgets", "PodDisruptionBudget", "pdb")

POLICIES = (LIMIT_RANGES, RESOURCE_QUOTAS, RUNTIME_CLASSES, PRIORITY_CLASSES, POD_DISRUPTION_BUDGETS)
"""What admission, quotas and evictions take their rules from."""

_DRA = "resource.k8s.io"

RESOURCE_CLAIMS = _namespaced(_DRA, "resourceclaims", "ResourceClaim")
RESOURCE_CLAIM_TEMPLATES = _namespaced(_DRA, "resourceclaimtemplates", "ResourceClaimTemplate")
RESOURCE_SLICES = Resource(
    plural="resourceslices",
    kind="ResourceSlice",
    namespaced=False,
    short_names=(),
    fields={"metadata.name": "", "spec.driver": "", "spec.nodeName": ""},
    group=_DRA,
)
DEVICE_CLASSES = Resource("deviceclasses", "DeviceClass", False, (), {"metadata.name": ""}, _DRA)
DEVICE_TAINT_RULES = Resource("devicetaintrules", "DeviceTaintRule", False, (), {"metadata.name": ""}, _DRA)

DYNAMIC = (
    RESOURCE_CLAIMS,
    RESOURCE_CLAIM_TEMPLATES,
    RESOURCE_SLICES,
    DEVICE_CLASSES,
    DEVICE_TAINT_RULES,
)
"""What dynamic resource allocation consists of. It is stored as v1, and served in any version."""

SERVED = (NAMESPACES, NODES, PODS, EVENTS, DAEMON_SETS, *OWNERS, *POLICIES, *DYNAMIC)
"""All of them, group by group."""
