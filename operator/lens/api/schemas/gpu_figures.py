"""The figures of GPUs: of a cluster in its status, and of all clusters in their summary."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.scalars import Count


class GpuUsage(TypedDict):
    """Total, allocated and utilized GPUs."""

    total_gpus: Annotated[Count, Field(description="All GPUs, in any state.")]
    allocated_gpus: Annotated[Count, Field(description="GPUs that pods or ResourceClaims hold.")]
    utilized_gpus: Annotated[
        Count, Field(description="GPUs above 50 % utilization; 0 while no GPU reports utilization.")
    ]
    allocation_rate: Annotated[
        float, Field(ge=0, le=100, description="Allocated GPUs in percent of all GPUs.")
    ]
    utilization_rate: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            description="Mean utilization of the GPUs that report it, in percent; 0 while none does.",
        ),
    ]


class AvailableResources(TypedDict):
    """GPUs that the scheduler can allocate now."""

    available_gpus: Annotated[Count, Field(description="Free GPUs on nodes that accept GPU pods.")]
    available_nodes: Annotated[Count, Field(description="Nodes with at least one available GPU.")]
    max_contiguous_gpu: Annotated[Count, Field(description="The most available GPUs on one node.")]
    max_contiguous_gpu_product: Annotated[
        str | None,
        Field(
            description="The product of these GPUs; if several nodes have as many, the first product by name."
        ),
    ]
    max_contiguous_gpu_reason: Annotated[
        str | None,
        Field(
            description="Why max_contiguous_gpu_product is null: NONE_AVAILABLE, SEVERAL_PRODUCTS if no "
            "product alone has as many on one node, NOT_REPORTED by an older Lens of another cluster, or a "
            "reason of products."
        ),
    ]


class Product(TypedDict):
    """The GPUs of one product; the four states add up to total."""

    product: Annotated[
        str | None,
        Field(
            description="The product, as the vendor's node label has it.", examples=["NVIDIA-H100-80GB-HBM3"]
        ),
    ]
    reason: Annotated[
        str | None,
        Field(
            description="Why product is null. UNKNOWN_PRODUCT: neither a node label nor telemetry has it. "
            "UNKNOWN_DEVICES: the nodes have several products, and it isn't known which of their GPUs are in "
            "which state. SLICE_GONE: a claim holds a device that no ResourceSlice has. OTHER_PRODUCTS: the "
            "sum of all products beyond the 32 with the most GPUs."
        ),
    ]
    total: Annotated[Count, Field(description="All GPUs of the product, in any state.")]
    allocated: Annotated[Count, Field(description="Held by a pod or a ResourceClaim.")]
    available: Annotated[Count, Field(description="Free, on nodes that accept GPU pods.")]
    unhealthy: Annotated[
        Count, Field(description="Held by nobody, and not allocatable or, with DRA, tainted.")
    ]
    unavailable: Annotated[
        Count,
        Field(description="Free, on nodes that accept no GPU pods, or kept from them by DRA's counters."),
    ]
    largest_block: Annotated[Count, Field(description="The most available GPUs of the product on one node.")]


class GpuNodes(TypedDict):
    """Nodes that have GPUs, by their use; each is in exactly one of the four states."""

    total: Annotated[Count, Field(description="Nodes that have GPUs.")]
    idle: Annotated[
        Count, Field(description="Nodes with available GPUs, of whose GPUs none is allocated to a pod.")
    ]
    partly_used: Annotated[Count, Field(description="Nodes with available and with allocated GPUs.")]
    full: Annotated[
        Count,
        Field(description="Nodes that accept GPU pods and have no available GPU: no healthy one is free."),
    ]
    closed: Annotated[
        Count,
        Field(description="Nodes that accept no GPU pods, by cordon or taints, whatever is allocated there."),
    ]


class GpuStates(TypedDict):
    """GPUs by state; the first four states add up to all GPUs."""

    allocated: Annotated[Count, Field(description="Held by a pod or a ResourceClaim.")]
    unhealthy: Annotated[
        Count,
        Field(description="Held by nobody, and not allocatable or, with DRA, tainted."),
    ]
    unavailable: Annotated[
        Count,
        Field(
            description="Free, on a node that accepts no GPU pods (cordoned or tainted), or kept from them "
            "by DRA's counters."
        ),
    ]
    available: Annotated[Count, Field(description="Free, on a node that accepts GPU pods.")]
    overcommitted: Annotated[
        Count,
        Field(description="Requested by bound pods beyond their nodes' GPUs; counted in no other figure."),
    ]
    missing_nodes: Annotated[
        Count, Field(description="Nodes that GPU pods are bound to, and that don't exist or have no GPUs.")
    ]
    held_without_pod: Annotated[
        Count,
        Field(
            description="Of the allocated GPUs those that ResourceClaims, or reservation pods of "
            "KAI-Scheduler, hold for no pod."
        ),
    ]
    unknown: Annotated[
        Count | None,
        Field(description="Unheld GPUs of DRA pools that can't be counted; they are in no state."),
    ]
    unknown_reason: Annotated[
        Literal["INCOMPLETE_POOLS"] | None,
        Field(
            description="Why unknown is null. INCOMPLETE_POOLS: ResourceSlices of a pool are missing, or "
            "can't be read."
        ),
    ]
