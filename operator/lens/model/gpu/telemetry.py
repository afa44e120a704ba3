"""What the GPUs are doing, node by node, and its sums, as a value.

Where a value is None, ``reasons`` has, under the field's name, why. Every ``sampled_at`` is in seconds since
the epoch by the operator's clock.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from lens.model.gpu.node_report import Claimed, Health, Holder
from lens.model.shards import Shards

Source = Literal["agent", "dcgm", "amd"]
"""The source: Lens' own node agent, NVIDIA's dcgm-exporter, or AMD's device-metrics-exporter."""

State = Literal["ok", "stale", "unknown"]

UTILIZED_PERCENT = 50.0
"""A GPU that is busier than this is utilized."""


class InstanceTelemetry(msgspec.Struct, frozen=True, gc=False):
    """A part of a GPU that is allocated by itself: a MIG device, or an AMD partition.

    ``uuid`` is what ``Holder.instance_uuid`` refers to.
    """

    uuid: str | None
    gpu_instance_id: int
    compute_instance_id: int
    profile: str | None
    utilization_percent: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    reasons: Mapping[str, str] = {}


class PodShare(msgspec.Struct, frozen=True, gc=False):
    """What one pod's processes use of a GPU, or under MIG of one of its GPU instances."""

    pod_uid: str
    instance: int | None
    memory_used_bytes: int | None
    utilization_percent: float | None


class GpuTelemetry(msgspec.Struct, frozen=True, gc=False):
    """A GPU as it was at ``sampled_at``.

    ``clock_events`` are what holds its clocks down; ``ecc_uncorrected`` counts memory errors since its last
    reset. ``shares`` is None where processes can't be distinguished. ``unattributed`` has the GPU
    instance of each process of no known pod, None for the whole GPU: it may be any pod's. ``pci_bus_id`` is
    as the kernel writes it.
    """

    index: int
    uuid: str | None
    sampled_at: float
    health: Health
    product: str | None = None
    utilization_percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None
    recovery_action: str | None = None
    clock_events: tuple[str, ...] = ()
    ecc_uncorrected: int | None = None
    instances: tuple[InstanceTelemetry, ...] = ()
    shares: tuple[PodShare, ...] | None = None
    unattributed: tuple[int | None, ...] = ()
    pci_bus_id: str | None = None
    reasons: Mapping[str, str] = {}


class NodeTelemetry(msgspec.Struct, frozen=True, gc=False):
    """What is known of one node's GPUs; ``problem`` says why it may be incomplete or old.

    ``sampled_at`` is None until the first sample. ``state`` follows its age: of an ``unknown`` node only
    which GPUs it has is known. ``holders`` are the devices that containers have, None where nobody can say;
    an exporter doesn't tell their resource and device id, which then are empty. ``claimed`` are those that
    containers have by ResourceClaims, named as in the driver's ResourceSlice; only agents tell them.
    ``replicas`` are how often a device plugin offers each device of a resource, for resources where that is
    more than once; only agents know them, and None is unknown.
    """

    node: str
    source: Source
    sampled_at: float | None = None
    gpus: tuple[GpuTelemetry, ...] = ()
    holders: tuple[Holder, ...] | None = None
    claimed: tuple[Claimed, ...] | None = None
    replicas: Mapping[str, int] | None = None
    state: State = "ok"
    problem: str | None = None

    def holders_of(self, gpu: GpuTelemetry) -> Iterator[Holder]:
        """Go through the devices on a GPU that containers have."""
        for holder in self.holders or ():
            if holder.gpu_uuid is not None and holder.gpu_uuid == gpu.uuid:
                yield holder


class TelemetryTotals(msgspec.Struct, frozen=True, gc=False):
    """Sums over nodes. Utilization is in hundredths of a percent: whole numbers come out even."""

    gpus: int = 0
    reporting: int = 0
    utilized: int = 0
    hundredths: int = 0
    ok_nodes: int = 0
    stale_nodes: int = 0
    unknown_nodes: int = 0

    def __add__(self, other: "TelemetryTotals") -> "TelemetryTotals":
        """Add sum by sum."""
        return TelemetryTotals(
            *map(int.__add__, msgspec.structs.astuple(self), msgspec.structs.astuple(other))
        )

    def __sub__(self, other: "TelemetryTotals") -> "TelemetryTotals":
        """Subtract sum by sum."""
        return TelemetryTotals(
            *map(int.__sub__, msgspec.structs.astuple(self), msgspec.structs.astuple(other))
        )


def sums(node: NodeTelemetry) -> TelemetryTotals:
    """Return what one node adds to the sums."""
    known = [gpu.utilization_percent for gpu in node.gpus if gpu.utilization_percent is not None]
    return TelemetryTotals(
        gpus=len(node.gpus),
        reporting=len(known),
        utilized=sum(percent > UTILIZED_PERCENT for percent in known),
        hundredths=sum(round(percent * 100) for percent in known),
        ok_nodes=int(node.state == "ok"),
        stale_nodes=int(node.state == "stale"),
        unknown_nodes=int(node.state == "unknown"),
    )


class Telemetry(msgspec.Struct, frozen=True):
    """All that is known at one moment. ``sequence`` grows by one with each change.

    Until ``complete`` the first round over all agents or exporters isn't in: the sums and the mean are of a
    part of the cluster.
    """

    sequence: int
    sums: TelemetryTotals
    nodes: Shards[str, NodeTelemetry]
    complete: bool = True

    def totals(self, nodes: int) -> TelemetryTotals:
        """Return the sums; until they are complete, only the number of ``nodes`` that should report."""
        return self.sums if self.complete else TelemetryTotals(unknown_nodes=nodes)

    @property
    def utilization_percent(self) -> float | None:
        """Return the mean over the GPUs that report, one decimal; None while none does."""
        if not self.sums.reporting:
            return None
        return round(self.sums.hundredths / 100 / self.sums.reporting, 1)


NO_TELEMETRY = Telemetry(sequence=0, sums=TelemetryTotals(), nodes=Shards())
"""Nothing is known of any GPU."""
