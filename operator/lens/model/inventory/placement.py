"""The placement of shared units: the GPU of each unit, as the node's agent or exporter reports it."""

from collections.abc import Collection, Mapping

import msgspec

from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.k8s.vendors import domain_of


class DevicePlacement(msgspec.Struct, frozen=True, order=True, gc=False):
    """A device of a pod, and its GPU. ``resource`` is empty for an exporter, which doesn't report it."""

    resource: str
    device_id: str
    gpu: str


class Placement(msgspec.Struct, frozen=True):
    """The placement of a node's units, on which the number of held GPUs depends.

    ``instances`` maps the uuid of each MIG device, or partition, to the uuid of its GPU; ``pods`` has the
    devices of each pod by ``namespace/name``. ``gpus`` is the number of GPUs that AMD's exporter reports, and
    ``partitions`` that of their partitions; a GPU without any counts as one. ``domain`` is the domain of
    their resources, empty for any. ``reported`` is the number of GPUs that are reported, by whomever.
    """

    instances: Mapping[str, str]
    pods: Mapping[str, tuple[DevicePlacement, ...]]
    gpus: int = 0
    partitions: int = 0
    domain: str = ""
    reported: int = 0

    @property
    def reported_domain(self) -> str:
        """Return the domain of the resources of the reported GPUs' vendor."""
        return self.domain or "nvidia.com"

    def tells_of(self, resource: str) -> bool:
        """Tell whether these GPUs may be those of a resource."""
        return self.domain in ("", domain_of(resource))


NO_PLACEMENT = Placement(instances={}, pods={})
"""The placement of a node without telemetry."""


def placement(telemetry: NodeTelemetry) -> Placement:
    """Return the placement that a node's telemetry reports."""
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
    )


class Placements:
    """The placements on all nodes whose figures depend on them."""

    def __init__(self) -> None:
        """Start without placements."""
        self._last: dict[str, tuple[NodeTelemetry, Placement]] = {}

    def changes(
        self, wanted: Collection[str], telemetry: Mapping[str, NodeTelemetry]
    ) -> dict[str, Placement]:
        """Return the changes since the last call, by node: NO_PLACEMENT for nodes no longer ``wanted``."""
        changes: dict[str, Placement] = {}
        current: dict[str, tuple[NodeTelemetry, Placement]] = {}
        for node in wanted:
            now = telemetry.get(node)
            if now is None:
                continue
            before, placed = self._last.get(node, (None, NO_PLACEMENT))
            after = placed if now is before else placement(now)
            current[node] = now, after
            if after != placed:
                changes[node] = after
        for node, (_, placed) in self._last.items():
            if node not in current and placed != NO_PLACEMENT:
                changes[node] = NO_PLACEMENT
        # Last, so that a failure before loses no change.
        self._last = current
        return changes
