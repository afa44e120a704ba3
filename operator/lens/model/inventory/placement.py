"""Which GPUs of a node the shared units are on, as the node's agent or exporter tells."""

from collections.abc import Collection, Mapping

import msgspec

from lens.model.gpu.telemetry import NodeTelemetry


class DevicePlacement(msgspec.Struct, frozen=True, order=True, gc=False):
    """A device that a pod has, and its GPU. An exporter doesn't tell the resource, which then is empty."""

    resource: str
    device_id: str
    gpu: str


class Placement(msgspec.Struct, frozen=True):
    """What decides how many of a node's GPUs are held.

    ``instances`` has the GPU of each MIG device by their uuids; ``pods`` what each pod has, by
    namespace and name with a slash between.
    """

    instances: Mapping[str, str]
    pods: Mapping[str, tuple[DevicePlacement, ...]]


NO_PLACEMENT = Placement(instances={}, pods={})
"""Nothing is known."""


def placement(told: NodeTelemetry) -> Placement:
    """Return what a node's telemetry tells of where units are."""
    pods: dict[str, set[DevicePlacement]] = {}
    for holder in told.holders or ():
        if holder.gpu_uuid is not None:
            device_id = holder.device_id or holder.instance_uuid or holder.gpu_uuid
            device = DevicePlacement(holder.resource, device_id, holder.gpu_uuid)
            pods.setdefault(f"{holder.namespace}/{holder.pod}", set()).add(device)
    return Placement(
        instances={
            instance.uuid: gpu.uuid
            for gpu in told.gpus
            if gpu.uuid is not None
            for instance in gpu.instances
            if instance.uuid is not None
        },
        pods={pod: tuple(sorted(devices)) for pod, devices in pods.items()},
    )


class Placements:
    """Follows the telemetry of the nodes whose units are parts of GPUs."""

    def __init__(self) -> None:
        """Start with nothing known of any node."""
        self._seen: dict[str, tuple[NodeTelemetry, Placement]] = {}

    def changes(self, shared: Collection[str], told: Mapping[str, NodeTelemetry]) -> dict[str, Placement]:
        """Return what is new since the last call, by node: for nodes not in ``shared`` NO_PLACEMENT."""
        changes: dict[str, Placement] = {}
        seen: dict[str, tuple[NodeTelemetry, Placement]] = {}
        for node in shared:
            now = told.get(node)
            if now is None:
                continue
            before, placed = self._seen.get(node, (None, NO_PLACEMENT))
            after = placed if now is before else placement(now)
            seen[node] = now, after
            if after != placed:
                changes[node] = after
        for node, (_, placed) in self._seen.items():
            if node not in seen and placed != NO_PLACEMENT:
                changes[node] = NO_PLACEMENT
        # Last, so that a failure on the way loses no change.
        self._seen = seen
        return changes
