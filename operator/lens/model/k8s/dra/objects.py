"""The objects of dynamic resource allocation (resource.k8s.io) as the apiserver writes them.

These read every version of the API: v1, v1beta2, v1beta1 and v1alpha3. The versions differ in three places.
A device has its fields in ``basic`` until v1beta1. A request has its fields in ``exactly`` since v1beta2. A
DeviceTaintRule's selector of v1alpha3 may have a class and CEL expressions.

What can be odd without the whole object being odd is still bytes, and is read one by one by ``read_each`` and
``read_or_none``.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from sys import intern
from typing import Annotated, TypeVar

import msgspec

from lens.model.k8s.bounds import LONGEST_NAME
from lens.model.k8s.objects import Condition, Manifest, ObjectMeta

T = TypeVar("T")

_items = msgspec.json.Decoder(list[msgspec.Raw] | None)
_map = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


def read_or_none(decoder: "msgspec.json.Decoder[T]", raw: msgspec.Raw | bytes) -> T | None:
    """Return a value; None if it is missing or can't be decoded."""
    try:
        return decoder.decode(raw) if raw else None
    except (ValueError, RecursionError):
        return None


def read_list(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """Return the entries of a list, undecoded; none if it is missing. Raise ValueError if it is no list."""
    return (_items.decode(raw) if raw else None) or []


def read_map(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return the entries of an object, undecoded; none if it is missing or odd."""
    return read_or_none(_map, raw) or {}


def read_each(decoder: "msgspec.json.Decoder[T]", raw: msgspec.Raw) -> Iterator[T]:
    """Yield the entries of a list that can be decoded."""
    for entry in read_or_none(_items, raw) or ():
        if (value := read_or_none(decoder, entry)) is not None:
            yield value


Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""What the API calls an int64. JSON has greater numbers, which can't be written again."""


class DeviceFields(Manifest):
    """The fields of a device. ``node_name`` counts under ``perDeviceNodeSelection``."""

    attributes: msgspec.Raw = msgspec.Raw()
    capacity: msgspec.Raw = msgspec.Raw()
    consumes_counters: msgspec.Raw = msgspec.Raw()
    node_name: str | None = None
    taints: msgspec.Raw = msgspec.Raw()
    allow_multiple_allocations: bool | None = None
    # Only a fit reads these.
    node_selector: msgspec.Raw = msgspec.Raw()
    all_nodes: msgspec.Raw = msgspec.Raw()
    binds_to_node: msgspec.Raw = msgspec.Raw()
    binding_conditions: msgspec.Raw = msgspec.Raw()

    @property
    def of_kind(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Return the JSON by which devices are of one kind: attributes, capacity, counters and taints."""
        return bytes(self.attributes), bytes(self.capacity), bytes(self.consumes_counters), bytes(self.taints)


class DeviceManifest(DeviceFields):
    """A device in ``spec.devices``."""

    name: str = ""
    basic: DeviceFields | None = None


MOST_SHARED_BYTES = 4096
"""Bytes of a device, a spec or a selector that are kept to be compared."""


class Attribute(Manifest):
    """The value of a device's attribute, of one of these types."""

    string: str | None = None
    version: str | None = None
    number: Int64 | None = msgspec.field(default=None, name="int")


class KnownAttributes(Manifest):
    """The attributes of a device that Lens reads, under the names that drivers give them.

    Those of resource.kubernetes.io are standard, the others are the drivers' own.
    NVIDIA/k8s-dra-driver-gpu, cmd/gpu-kubelet-plugin/deviceinfo.go; ROCm/k8s-gpu-dra-driver,
    docs/driver-attributes.md; intel/intel-resource-drivers-for-kubernetes, doc/gpu.
    """

    type: Attribute | None = None
    product_name: Attribute | None = None
    model: Attribute | None = None
    uuid: Attribute | None = None
    parent_uuid: Attribute | None = msgspec.field(default=None, name="parentUUID")
    standard_pci: Attribute | None = msgspec.field(default=None, name="resource.kubernetes.io/pciBusID")
    pci_bus_id: Attribute | None = msgspec.field(default=None, name="pciBusID")
    pcie_bus_id: Attribute | None = msgspec.field(default=None, name="pcieBusID")
    pci_addr: Attribute | None = None
    pci_address: Attribute | None = None
    profile: Attribute | None = None
    partition_profile: Attribute | None = None
    compute_partition: Attribute | None = None
    driver_version: Attribute | None = None
    standard_numa: Attribute | None = msgspec.field(default=None, name="resource.kubernetes.io/numaNode")
    numa_node: Attribute | None = None
    numa: Attribute | None = None
    clique_id: Attribute | None = msgspec.field(default=None, name="cliqueID")


class CapacityManifest(Manifest):
    """The value of a device's capacity; in v1alpha3 it is the quantity itself."""

    value: str | int | float


class CounterSetManifest(Manifest):
    """An entry of ``spec.sharedCounters``."""

    name: str
    counters: msgspec.Raw = msgspec.Raw()


class ConsumptionManifest(Manifest):
    """An entry of a device's ``consumesCounters``."""

    counter_set: str
    counters: msgspec.Raw = msgspec.Raw()


class DeviceTaintManifest(Manifest):
    """A device's taint."""

    key: str = ""
    value: str | None = None
    effect: str = ""


class ExactRequest(Manifest):
    """What a request asks for, or one of its alternatives."""

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

    requests: msgspec.Raw = msgspec.Raw()


class ClaimSpec(Manifest):
    """A ResourceClaim's ``spec``."""

    devices: ClaimDevices | None = None


class DeviceName(Manifest):
    """What names a device in a claim's status."""

    driver: str
    pool: str
    device: str


class ResultManifest(DeviceName):
    """An allocated device: an entry of ``status.allocation.devices.results``."""

    describing = frozenset(
        {"request", "share_id", "admin_access", "binding_conditions", "binding_failure_conditions"}
    )

    request: str = ""
    admin_access: bool | None = None
    share_id: str | None = msgspec.field(default=None, name="shareID")
    consumed_capacity: msgspec.Raw = msgspec.Raw()
    binding_conditions: list[str] | None = None
    binding_failure_conditions: list[str] | None = None
    # Only a fit reads it.
    skip_node_operations: msgspec.Raw = msgspec.Raw()


_results = msgspec.json.Decoder(list[ResultManifest] | None)


def decode_results(raw: msgspec.Raw) -> Sequence[ResultManifest]:
    """Return allocated devices. Raise ValueError or RecursionError if one of them can't be decoded."""
    return (_results.decode(raw) if raw else None) or ()


class AllocatedDevices(Manifest, dict=True, gc=True):
    """A claim's ``status.allocation.devices``."""

    results: msgspec.Raw = msgspec.Raw()

    @cached_property
    def read_results(self) -> Sequence[ResultManifest] | None:
        """The allocated devices; None if one of them can't be decoded."""
        try:
            return decode_results(self.results)
        except (ValueError, RecursionError):
            return None


class AllocationManifest(Manifest):
    """A claim's ``status.allocation``."""

    devices: AllocatedDevices | None = None
    node_selector: msgspec.Raw = msgspec.Raw()
    allocation_timestamp: msgspec.Raw = msgspec.Raw()


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

    allocation: AllocationManifest | None = None
    reserved_for: msgspec.Raw = msgspec.Raw()
    devices: msgspec.Raw = msgspec.Raw()


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


_ONE_NODE = re.compile(
    rb'\{"nodeSelectorTerms":\[\{"matchFields":\[\{"key":"metadata\.name","operator":"In",'
    rb'"values":\["([-.0-9a-z]{1,%d})"\]\}\]\}\]\}' % LONGEST_NAME
)


def only_node(selector: bytes) -> str | None:
    """Return the node that a selector names, if it is the one that kube-scheduler writes for one node.

    Nearly all allocated claims have it. Of any other selector nothing is told.
    """
    found = _ONE_NODE.fullmatch(selector)
    return None if found is None else intern(found[1].decode())


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
