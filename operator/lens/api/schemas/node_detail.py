"""One node, GPU by GPU."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.dra import DraGpu
from lens.api.schemas.nodes import Node
from lens.api.schemas.scalars import Timestamp


class GpuHolder(TypedDict):
    """A container that a GPU, or a part of it, is allocated to."""

    namespace: Annotated[str, Field(description="The pod's namespace.")]
    pod: Annotated[str, Field(description="The pod's name.")]
    container: Annotated[str, Field(description="The container's name.")]
    instance_uuid: Annotated[
        str | None, Field(description="The UUID of its MIG instance; null for a whole GPU.")
    ]


class GpuInstance(TypedDict):
    """A MIG instance."""

    uuid: Annotated[str | None, Field(description="The instance's UUID; null if it is unknown.")]
    profile: Annotated[str | None, Field(description="The MIG profile, such as 1g.10gb.")]
    utilization: Annotated[float | None, Field(description="Utilization in percent.")]
    memory_used_bytes: Annotated[int | None, Field(description="Memory in use.")]
    memory_total_bytes: Annotated[int | None, Field(description="All memory.")]


class Gpu(TypedDict):
    """A physical GPU, as the node's agent or exporter, DRA, or its pods' statuses report it."""

    source: Annotated[
        Literal["agent", "dcgm", "amd", "pods", "dra"],
        Field(
            description="The source of the data. pods: allocatedResourcesStatus, of allocated GPUs only. "
            "dra: ResourceSlices and ResourceClaims."
        ),
    ]
    index: Annotated[int | None, Field(description="The driver's index; null if source is pods or dra.")]
    uuid: Annotated[str | None, Field(description="The driver's UUID; null if it is unknown.")]
    product: Annotated[str | None, Field(description="The driver's name of the product.")]
    state: Annotated[
        Literal["allocated", "unhealthy", "unavailable", "available", "unknown"],
        Field(
            description="allocated: to at least one container or ResourceClaim. unhealthy: health is "
            "critical or lost, or all its devices are tainted. unavailable: the node accepts no GPU pods, "
            "or dra.reason says why nobody gets it. unknown: its DRA pool can't be counted."
        ),
    ]
    holders: Annotated[list[GpuHolder], Field(description="The containers that it is allocated to.")]
    utilization: Annotated[float | None, Field(description="Utilization in percent.")]
    memory_used_bytes: Annotated[int | None, Field(description="Memory in use.")]
    memory_total_bytes: Annotated[int | None, Field(description="All memory.")]
    temperature_celsius: Annotated[float | None, Field(description="Temperature of the GPU core.")]
    power_watts: Annotated[float | None, Field(description="Power draw.")]
    health: Annotated[
        Literal["ok", "warning", "critical", "lost", "unknown"],
        Field(description="critical: it needs a reset or a repair. lost: the driver has no answer of it."),
    ]
    health_because: Annotated[list[str], Field(description="The reasons for a health other than ok.")]
    recovery_action: Annotated[
        str | None, Field(description="The recovery action that NVIDIA's driver recommends, or NONE.")
    ]
    instances: Annotated[list[GpuInstance], Field(description="Its MIG instances; empty without MIG.")]
    sampled_at: Annotated[Timestamp, Field(description="The time of the sample.")]
    reasons: Annotated[dict[str, str], Field(description="The reason for each null value, by field name.")]
    dra: NotRequired[
        Annotated[DraGpu, Field(description="What DRA says of it; absent for a GPU that no driver offers.")]
    ]


class NodeTelemetry(TypedDict):
    """The source and age of a node's GPU data."""

    source: Annotated[
        Literal["agent", "dcgm", "amd"],
        Field(description="What is read: the node agent, dcgm-exporter or the AMD exporter."),
    ]
    state: Annotated[
        Literal["ok", "stale", "unknown"], Field(description="The freshness, by the age of the last sample.")
    ]
    problem: Annotated[str | None, Field(description="The current problem with the source, or null.")]
    sampled_at: Annotated[
        Timestamp | None, Field(description="The time of the last sample; null without any.")
    ]


class NodeDetail(TypedDict):
    """A node and each of its GPUs."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    node: Annotated[Node, Field(description="The node, as in status.")]
    telemetry: Annotated[
        NodeTelemetry | None,
        Field(description="The source of the GPU data; null without an agent or exporter."),
    ]
    gpus: Annotated[
        list[Gpu], Field(description="Its GPUs by index, or else by UUID; empty if nothing reports them.")
    ]
