"""The objects of dynamic resource allocation (resource.k8s.io) as the apiserver writes them.

These read every version of the API: v1, v1beta2, v1beta1 and v1alpha3. The versions differ in three places.
A device has its fields in ``basic`` until v1beta1. A request has its fields in ``exactly`` since v1beta2. A
DeviceTaintRule's selector of v1alpha3 may have a class and CEL expressions.

What can be odd without the whole object being odd is described (``Manifest.describing``), or is still bytes.
"""

import re
from sys import intern
from typing import Any

import msgspec

from lens.model.k8s.bounds import LONGEST_NAME
from lens.model.k8s.dra.devices import DeviceTaintManifest
from lens.model.k8s.objects import Condition, Manifest, ObjectMeta


class ExactRequest(Manifest):
    """A request without alternatives, or one of the alternatives."""

    name: str = ""
    device_class_name: str = ""
    allocation_mode: str = ""
    count: int | None = None
    admin_access: bool | None = None


class RequestManifest(ExactRequest):
    """An entry of a claim's ``spec.devices.requests``."""

    exactly: ExactRequest | None = None
    first_available: list[ExactRequest] | None = None


class ClaimDevices(Manifest):
    """A claim's ``spec.devices``."""

    describing = frozenset({"requests"})

    requests: list[RequestManifest] | None = None


class ClaimSpec(Manifest):
    """A ResourceClaim's ``spec``."""

    devices: ClaimDevices | None = None


class DeviceName(Manifest):
    """The fields that name a device in a claim's status."""

    driver: str
    pool: str
    device: str


class ResultManifest(DeviceName):
    """An allocated device: an entry of ``status.allocation.devices.results``."""

    describing = frozenset(
        {
            "request",
            "share_id",
            "admin_access",
            "consumed_capacity",
            "binding_conditions",
            "binding_failure_conditions",
            "skip_node_operations",
        }
    )

    request: str = ""
    admin_access: bool | None = None
    share_id: str | None = msgspec.field(default=None, name="shareID")
    consumed_capacity: dict[str, msgspec.Raw] | None = None
    binding_conditions: list[str] | None = None
    binding_failure_conditions: list[str] | None = None
    skip_node_operations: list[msgspec.Raw] | None = None


class AllocatedDevices(Manifest):
    """A claim's ``status.allocation.devices``."""

    describing = frozenset({"results"})

    results: list[ResultManifest] | None = None


class AllocationManifest(Manifest):
    """A claim's ``status.allocation``."""

    describing = frozenset({"allocation_timestamp"})

    devices: AllocatedDevices | None = None
    node_selector: msgspec.Raw = msgspec.Raw()
    # Of any type: an odd one is as good as none.
    allocation_timestamp: Any = None


class ConsumerReference(Manifest):
    """An entry of ``status.reservedFor``."""

    resource: str = ""
    name: str = ""
    uid: str = ""


class DeviceStatusManifest(DeviceName):
    """An entry of ``status.devices``, which the device's driver writes."""

    share_id: str | None = msgspec.field(default=None, name="shareID")
    conditions: list[Condition] | None = None


class ClaimStatus(Manifest):
    """A ResourceClaim's ``status``."""

    describing = frozenset({"reserved_for", "devices"})

    allocation: AllocationManifest | None = None
    reserved_for: list[ConsumerReference] | None = None
    devices: list[DeviceStatusManifest] | None = None


class ClaimManifest(Manifest):
    """A ResourceClaim."""

    metadata: ObjectMeta
    spec: msgspec.Raw = msgspec.Raw()
    status: ClaimStatus = msgspec.field(default_factory=ClaimStatus)


class NodeSelectorRequirement(Manifest):
    """An entry of a node selector term."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class NodeSelectorTerm(Manifest):
    """An entry of ``nodeSelectorTerms``."""

    match_fields: list[NodeSelectorRequirement] | None = None


class NodeSelector(Manifest):
    """A node selector (core/v1)."""

    node_selector_terms: list[NodeSelectorTerm] | None = None


_ONE_NODE = (
    b'{"nodeSelectorTerms":[{"matchFields":[{"key":"metadata.name","operator":"In","values":["%b"]}]}]}'
)
_ONE_NODE_BYTES = len(_ONE_NODE % b"")
_one_node = re.compile(re.escape(_ONE_NODE).replace(b"%b", rb"([-.0-9a-z]{1,%d})" % LONGEST_NAME)).fullmatch


def only_node(selector: msgspec.Raw) -> str | None:
    """Return the node that a selector names, if it is the one that kube-scheduler writes for one node.

    Nearly all allocated claims have it. For any other selector return None.
    """
    found = _one_node(selector)
    return None if found is None else intern(found[1].decode())


def names_only(selector: msgspec.Raw, node: str) -> bool:
    """Return whether a selector that names a node can say nothing else: nothing says it in fewer bytes."""
    return len(selector) == _ONE_NODE_BYTES + len(node)


class CelSelector(Manifest):
    """A CEL expression."""

    expression: str = ""


class DeviceSelector(Manifest):
    """An entry of a class's ``selectors``."""

    cel: CelSelector | None = None


class DeviceClassSpec(Manifest):
    """A DeviceClass's ``spec``."""

    selectors: msgspec.Raw = msgspec.Raw()
    extended_resource_name: str | None = None


class DeviceClassManifest(Manifest):
    """A DeviceClass."""

    metadata: ObjectMeta
    spec: DeviceClassSpec = msgspec.field(default_factory=DeviceClassSpec)


class TaintSelector(Manifest):
    """A DeviceTaintRule's ``spec.deviceSelector``; ``device_class_name`` and ``selectors`` are v1alpha3's."""

    driver: str | None = None
    pool: str | None = None
    device: str | None = None
    device_class_name: str | None = None
    selectors: list[msgspec.Raw] | None = None


class TaintRuleSpec(Manifest):
    """A DeviceTaintRule's ``spec``."""

    taint: DeviceTaintManifest
    device_selector: TaintSelector | None = None


class TaintRuleManifest(Manifest):
    """A DeviceTaintRule."""

    metadata: ObjectMeta
    spec: TaintRuleSpec


class PodClaimManifest(Manifest):
    """An entry of a pod's ``spec.resourceClaims``."""

    name: str
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodClaimStatus(Manifest):
    """An entry of a pod's ``status.resourceClaimStatuses``."""

    name: str
    resource_claim_name: str | None = None


class ResourceMapping(Manifest):
    """A pod's extended resource that a claim serves: an entry of ``requestMappings``."""

    resource_name: str = ""


class ExtendedClaimStatus(Manifest):
    """A pod's ``status.extendedResourceClaimStatus``."""

    resource_claim_name: str = ""
    request_mappings: list[ResourceMapping] | None = None
