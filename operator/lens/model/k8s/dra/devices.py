"""Devices of a ResourceSlice and their counters, as the apiserver writes them."""

from typing import Annotated

import msgspec

from lens.model.k8s.objects import Manifest

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""The API's int64. JSON has greater numbers, which can't be encoded again."""


class DeviceFields(Manifest):
    """The fields of a device. ``node_name`` counts under ``perDeviceNodeSelection``."""

    attributes: msgspec.Raw = msgspec.Raw()
    capacity: msgspec.Raw = msgspec.Raw()
    consumes_counters: msgspec.Raw = msgspec.Raw()
    node_name: str | None = None
    taints: msgspec.Raw = msgspec.Raw()
    allow_multiple_allocations: bool | None = None
    # Only the fit engine reads these.
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


MAX_SHARED_BYTES = 4096
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
