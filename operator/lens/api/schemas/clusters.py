"""The known clusters, and the sums over them."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.gpu_figures import AvailableResources, GpuNodes, GpuUsage, Product
from lens.api.schemas.scalars import Count, Seconds, Timestamp

ClusterState = Annotated[
    Literal["ok", "stale", "syncing", "unreachable"],
    Field(
        description="stale: its data is older than /readyz allows. syncing: resources aren't all listed. "
        "unreachable: its Lens gave no usable response."
    ),
]
UnreachableReason = Annotated[
    Literal["TIMEOUT", "FORBIDDEN", "FAILED"],
    Field(description="Why it is unreachable. FORBIDDEN: its Lens responded with 401 or 403."),
]


class ClusterTotals(TypedDict):
    """A cluster's main figures."""

    total_gpus: Annotated[Count, Field(description="All GPUs, in any state.")]
    allocated_gpus: Annotated[Count, Field(description="GPUs that pods or ResourceClaims hold.")]
    available_gpus: Annotated[Count, Field(description="Free GPUs on nodes that accept GPU pods.")]
    running_tasks: Annotated[Count, Field(description="Pods in phase Running that hold at least one GPU.")]


class KnownCluster(TypedDict):
    """A cluster's name, state and age."""

    name: Annotated[str, Field(description="Its name, as in the parameter cluster.")]
    local: Annotated[
        bool, Field(description="Whether this Lens watches it; other clusters have a Lens of their own.")
    ]
    status: ClusterState
    age_seconds: Annotated[
        Seconds | None,
        Field(description="Seconds since its figures were last known to be current; null if there are none."),
    ]


class Cluster(KnownCluster):
    """A cluster that this Lens knows."""

    totals: Annotated[
        ClusterTotals | None, Field(description="Its figures; null while it is syncing or unreachable.")
    ]
    reason: NotRequired[UnreachableReason]


class Clusters(TypedDict):
    """All clusters that this Lens knows."""

    clusters: Annotated[
        list[Cluster], Field(description="The cluster that this Lens watches, then the others.")
    ]


class ClusterSummary(KnownCluster):
    """A cluster's figures, null while it is syncing or unreachable."""

    current_gpu_usage: Annotated[GpuUsage | None, Field(description="As in its status.")]
    running_tasks: Annotated[Count | None, Field(description="As in its status.")]
    available_resources: Annotated[AvailableResources | None, Field(description="As in its status.")]
    products: Annotated[list[Product] | None, Field(description="As in its status.")]
    gpu_nodes: Annotated[GpuNodes | None, Field(description="As in its status.")]
    reasons: Annotated[
        dict[str, str],
        Field(
            description="Why products and gpu_nodes are null beside known figures, by field: NOT_REPORTED by "
            "the cluster's Lens, which is older."
        ),
    ]
    reason: NotRequired[UnreachableReason]


class Summary(TypedDict):
    """The sums over all clusters with known figures."""

    timestamp: Annotated[
        Timestamp | None,
        Field(description="The time at which the oldest figures were last known to be current."),
    ]
    current_gpu_usage: Annotated[
        GpuUsage, Field(description="The sums of total, allocated and utilized GPUs.")
    ]
    running_tasks: Annotated[Count, Field(description="Pods in phase Running that hold at least one GPU.")]
    available_resources: Annotated[
        AvailableResources, Field(description="The sums; max_contiguous_gpu is the most of any cluster.")
    ]
    coverage: Annotated[float, Field(ge=0, le=1, description="The fraction of GPUs that report utilization.")]
    products: Annotated[
        list[Product],
        Field(description="GPUs by product; largest_block is the most on one node of any cluster."),
    ]
    gpu_nodes: Annotated[GpuNodes, Field(description="Nodes by the use of their GPUs.")]
    without_products: Annotated[
        list[str],
        Field(
            description="The clusters with known figures that aren't in products and gpu_nodes: their Lenses "
            "are older and don't report these."
        ),
    ]
    clusters: Annotated[
        list[ClusterSummary], Field(description="The clusters, those without figures included.")
    ]
    unreachable: Annotated[list[str], Field(description="The names of the clusters that are unreachable.")]
