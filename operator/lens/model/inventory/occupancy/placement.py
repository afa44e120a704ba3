"""The placement of units, and the products of GPUs, as the node's agent or exporter reports them."""

from collections.abc import Mapping

import msgspec

from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.inventory.occupancy.products import NO_PRODUCTS, ReportedProducts, reported_products
from lens.model.k8s.vendors import domain_of
from lens.model.shards import Shards


class DevicePlacement(msgspec.Struct, frozen=True, order=True, gc=False):
    """A device of a pod, and its GPU. ``resource`` is empty for an exporter, which doesn't report it."""

    resource: str
    device_id: str
    gpu: str


class Placement(msgspec.Struct, frozen=True):
    """What a node's agent or exporter reports of its GPUs that the ledger counts by.

    ``instances`` maps the uuid of each MIG device, or partition, to the uuid of its GPU; ``pods`` has the
    devices of each pod by ``namespace/name``. ``gpus`` is the number of GPUs that AMD's exporter reports, and
    ``partitions`` that of their partitions; a GPU without any counts as one. ``domain`` is the domain of
    their resources, empty for any. ``reported`` is the number of GPUs that are reported, by whomever, and
    ``products`` are those of these. ``replicas`` are how often each device of a resource is offered, where it
    is more than once.
    """

    instances: Mapping[str, str]
    pods: Mapping[str, tuple[DevicePlacement, ...]]
    gpus: int = 0
    partitions: int = 0
    domain: str = ""
    reported: int = 0
    products: ReportedProducts = NO_PRODUCTS
    replicas: Mapping[str, int] = {}

    @property
    def reported_domain(self) -> str:
        """Return the domain of the resources of the reported GPUs' vendor."""
        return self.domain or "nvidia.com"

    def may_be_of(self, resource: str) -> bool:
        """Return whether these GPUs may be those of a resource."""
        return self.domain in ("", domain_of(resource))


NO_PLACEMENT = Placement(instances={}, pods={})
"""The placement of a node without telemetry."""


def placement(
    telemetry: NodeTelemetry, *, wanted: bool = True, before: Placement = NO_PLACEMENT
) -> Placement:
    """Return what a node's telemetry reports; the placement only if it matters.

    It does on a node that is ``wanted``, since its figures depend on it, and on one with GPUs of several
    products. While an agent doesn't know the replicas they are those of the placement ``before``.
    """
    products = reported_products(telemetry)
    replicas = telemetry.replicas
    if replicas is None:
        replicas = before.replicas if telemetry.source == "agent" else {}
    if not (wanted or products.gpus):
        return msgspec.structs.replace(NO_PLACEMENT, products=products, replicas=replicas)
    is_amd = telemetry.source == "amd"
    pods: dict[str, set[DevicePlacement]] = {}
    for holder in telemetry.holders or ():
        if holder.gpu_uuid is not None:
            device_id = holder.device_id or holder.instance_uuid or holder.gpu_uuid
            device = DevicePlacement(holder.resource, device_id, holder.gpu_uuid)
            pods.setdefault(f"{holder.namespace}/{holder.pod}", set()).add(device)
    return Placement(
        instances={
            instance.uuid: gpu.uuid
            for gpu in telemetry.gpus
            if gpu.uuid is not None
            for instance in gpu.instances
            if instance.uuid is not None
        },
        pods={pod: tuple(sorted(devices)) for pod, devices in pods.items()},
        gpus=len(telemetry.gpus) if is_amd else 0,
        partitions=sum(max(1, len(gpu.instances)) for gpu in telemetry.gpus) if is_amd else 0,
        domain="amd.com" if is_amd else "",
        reported=len(telemetry.gpus),
        products=products,
        replicas=replicas,
    )


class Placements:
    """The placements on all nodes. The cost of an update depends on the nodes with a new sample."""

    def __init__(self) -> None:
        """Start without placements."""
        self._wanted: frozenset[str] = frozenset()
        self._telemetry: Shards[str, NodeTelemetry] = Shards()
        self._last: dict[str, Placement] = {}

    def changes(self, wanted: frozenset[str], telemetry: Shards[str, NodeTelemetry]) -> dict[str, Placement]:
        """Return the changes since the last call, by node; NO_PLACEMENT for nodes without telemetry.

        ``wanted`` names the nodes whose other figures than products depend on their placement.
        """
        changes: dict[str, Placement] = {}
        for node in {*telemetry.differing(self._telemetry), *(wanted ^ self._wanted)}:
            now = telemetry.get(node)
            before = self._last.get(node, NO_PLACEMENT)
            after = NO_PLACEMENT if now is None else placement(now, wanted=node in wanted, before=before)
            if after != before:
                changes[node] = after
        # Last, so that a failure before loses no change.
        self._wanted, self._telemetry = wanted, telemetry
        self._last.update(changes)
        for node, placed in changes.items():
            if placed == NO_PLACEMENT:
                del self._last[node]
        return changes
