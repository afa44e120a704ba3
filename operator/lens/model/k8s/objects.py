"""Pods and Nodes as the apiserver writes them, down to the fields that Lens reads.

These are decoded straight from JSON; everything that is not named here is skipped without being built.
Descriptive fields (a time, an owner) are read leniently, so that an invalid value there loses no GPU.
"""

from typing import ClassVar

import msgspec

from lens.model.k8s.quantity import Quantity
from lens.model.k8s.taints import Taint


class Manifest(msgspec.Struct, rename="camel", gc=False):
    """Base of the decoded objects.

    ``describing`` names the fields without which an object counts as it does with them.
    """

    describing: ClassVar[frozenset[str]] = frozenset()


class OwnerReference(Manifest):
    """An entry of ``metadata.ownerReferences``."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    api_version: str = ""
    controller: bool | None = None


class ObjectMeta(Manifest):
    """The metadata of an object."""

    describing = frozenset({"uid", "creation_timestamp", "deletion_timestamp", "labels", "owner_references"})

    name: str
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    # Still bytes: for most pods they are never read.
    annotations: msgspec.Raw = msgspec.Raw()
    owner_references: list[OwnerReference] | None = None


class Requirements(Manifest):
    """A container's ``resources``, in its spec or its status."""

    requests: dict[str, Quantity] | None = None
    limits: dict[str, Quantity] | None = None


class Container(Manifest):
    """A container of a pod's spec."""

    describing = frozenset({"name"})

    name: str = ""
    resources: Requirements | None = None
    restart_policy: str | None = None
    # Still bytes: only the fit engine reads them.
    ports: msgspec.Raw = msgspec.Raw()


class ContainerStatus(Manifest):
    """The status of a container, with the resources of a resize in place (KEP-1287)."""

    describing = frozenset({"name"})

    name: str = ""
    allocated_resources: dict[str, Quantity] | None = None
    # Still bytes: the field only adds details, so an invalid value must not cost the pod.
    allocated_resources_status: msgspec.Raw = msgspec.Raw()
    resources: Requirements | None = None


class Condition(Manifest):
    """A condition of a pod or a node."""

    describing = frozenset({"reason", "message"})

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class SchedulingGate(Manifest):
    """An entry of ``spec.schedulingGates`` (KEP-3521)."""

    name: str = ""


class PodSpec(Manifest):
    """A pod's ``spec``."""

    describing = frozenset({"priority", "scheduling_gates", "scheduler_name"})

    node_name: str | None = None
    priority: int | None = None
    scheduling_gates: list[SchedulingGate] | None = None
    # Still bytes: they only describe, and are never read for bound pods.
    node_selector: msgspec.Raw = msgspec.Raw()
    affinity: msgspec.Raw = msgspec.Raw()
    tolerations: msgspec.Raw = msgspec.Raw()
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    overhead: dict[str, Quantity] | None = None
    # Still bytes: few pods have these, and an invalid value must not cost the pod.
    resource_claims: msgspec.Raw = msgspec.Raw()
    resources: Requirements | None = None
    scheduler_name: str | None = None


class PodStatus(Manifest):
    """A pod's ``status``."""

    describing = frozenset({"nominated_node_name", "pod_ip", "start_time", "conditions"})

    phase: str | None = None
    nominated_node_name: str | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    start_time: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    allocated_resources: dict[str, Quantity] | None = None
    resources: Requirements | None = None
    resource_claim_statuses: msgspec.Raw = msgspec.Raw()
    extended_resource_claim_status: msgspec.Raw = msgspec.Raw()


class PodManifest(Manifest):
    """A Pod (core/v1)."""

    metadata: ObjectMeta
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class BareManifest(Manifest):
    """Any object, of which only its metadata counts."""

    metadata: ObjectMeta


class DaemonSetStatus(Manifest):
    """A DaemonSet's ``status``."""

    desired_number_scheduled: int = 0


class DaemonSetManifest(Manifest):
    """A DaemonSet (apps/v1). An invalid status doesn't affect the rest."""

    metadata: ObjectMeta
    status: msgspec.Raw = msgspec.Raw(b"{}")


class NodeSpec(Manifest):
    """A node's ``spec``."""

    unschedulable: bool | None = None
    taints: list[Taint] | None = None


class NodeStatus(Manifest):
    """A node's ``status``."""

    describing = frozenset({"conditions", "declared_features"})

    capacity: dict[str, Quantity] | None = None
    allocatable: dict[str, Quantity] | None = None
    conditions: list[Condition] | None = None
    declared_features: list[str] | None = None


class NodeManifest(Manifest):
    """A Node (core/v1)."""

    metadata: ObjectMeta
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)
