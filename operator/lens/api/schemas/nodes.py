"""Nodes with GPUs, and their GPU resources in units."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.envelope import Page
from lens.api.schemas.scalars import Count, Timestamp

UNITS = "GPU resources whose units may be parts of GPUs (time-slicing, MPS, MIG, partitions), in units."
APPROXIMATE = "Whether the numbers of GPUs are approximate: the true ones may differ."
_APPROXIMATE_REASON = (
    "Why the numbers of GPUs are approximate: UNKNOWN_DEVICES if it is unknown which GPUs "
    "units are on, UNKNOWN_RATIO if it is unknown how many units a GPU has, BOTH_WAYS if a "
    "device plugin and DRA may offer the same GPUs; null if they are exact."
)
_UNCERTAIN = "Absent without units and without GPUs that are offered both ways."


class NodeResource(TypedDict):
    """One GPU resource of one node or of all nodes, in units of the resource."""

    resource: Annotated[
        str, Field(description="Its name, or that of a DRA driver.", examples=["nvidia.com/gpu"])
    ]
    capacity: Annotated[Count, Field(description="Units in the nodes' capacity.")]
    allocatable: Annotated[Count, Field(description="Units that are allocatable, thus healthy.")]
    allocated: Annotated[Count, Field(description="Units that pods or ResourceClaims hold.")]
    available: Annotated[Count, Field(description="Free units on nodes that accept GPU pods.")]
    unhealthy: Annotated[
        Count,
        Field(description="Units that nobody holds, and that are not allocatable or, with DRA, tainted."),
    ]
    unavailable: Annotated[Count, Field(description="Free units on nodes that accept no GPU pods.")]
    overcommitted: Annotated[Count, Field(description="Units that pods hold beyond what the nodes have.")]


class Reservation(TypedDict):
    """A reservation pod of KAI-Scheduler, which holds a GPU for pods that share it."""

    pod: Annotated[str, Field(description="The pod, as namespace/name.")]
    gpus: Annotated[Count, Field(description="The GPUs, or units of shared GPUs, that it holds.")]
    gpu_groups: Annotated[list[str], Field(description="The GPU groups that it holds them for.")]
    total_tasks: Annotated[
        Count, Field(description="The pods of these groups on its node; 0 if it holds its GPUs for nobody.")
    ]
    tasks: Annotated[list[str], Field(description="The first 100 of these pods, as namespace/name.")]


class Node(TypedDict):
    """A node with GPUs, or a node that GPU pods are bound to."""

    node_name: Annotated[str, Field(description="Its name.")]
    status: Annotated[
        str,
        Field(
            pattern="^(Ready|NotReady|Unknown|Missing)$",
            description="The Ready condition; Unknown without one, Missing if the node or its GPUs are gone.",
        ),
    ]
    total_gpus: Annotated[Count, Field(description="All its GPUs, in any state.")]
    allocated_gpus: Annotated[Count, Field(description="Its GPUs that pods or ResourceClaims hold.")]
    available_gpus: Annotated[Count, Field(description="Its free GPUs, if it accepts GPU pods.")]
    utilization: Annotated[
        float | None, Field(description="Mean utilization of its GPUs that report it, in percent.")
    ]
    unhealthy_gpus: Annotated[
        Count,
        Field(description="Its GPUs that nobody holds, and that are not allocatable or, with DRA, tainted."),
    ]
    unavailable_gpus: Annotated[Count, Field(description="Its free GPUs that no GPU pod gets.")]
    overcommitted_gpus: Annotated[Count, Field(description="GPUs that pods hold beyond what it has.")]
    schedulable: Annotated[bool, Field(description="Whether it accepts GPU pods, by its cordon and taints.")]
    unschedulable: Annotated[bool, Field(description="Whether it is cordoned.")]
    taints: Annotated[
        list[str],
        Field(description="Its taints.", examples=[["nvidia.com/gpu=present:NoSchedule"]]),
    ]
    product: Annotated[
        str | None,
        Field(
            description="The GPU product, from the vendor's node label or else from telemetry; null if it is "
            "unknown or there are several."
        ),
    ]
    running_tasks: Annotated[Count, Field(description="Pods in phase Running that hold GPUs on it.")]
    resources: Annotated[list[NodeResource], Field(description="Its GPU resources, in units.")]
    drivers: NotRequired[
        Annotated[
            list[NodeResource],
            Field(description="The GPUs that DRA drivers offer on it, by driver; absent without any."),
        ]
    ]
    held_without_pod: NotRequired[
        Annotated[
            Count, Field(description="Of its allocated GPUs those that are held for no pod; absent for 0.")
        ]
    ]
    unknown_gpus: NotRequired[
        Annotated[
            Count,
            Field(
                description="Its unheld GPUs of DRA pools that can't be counted; they are in no state. "
                "Absent for 0."
            ),
        ]
    ]
    units: NotRequired[
        Annotated[list[NodeResource], Field(description=f"{UNITS} Absent without such resources.")]
    ]
    approximate: NotRequired[Annotated[bool, Field(description=f"{APPROXIMATE} {_UNCERTAIN}")]]
    approximate_reason: NotRequired[
        Annotated[str | None, Field(description=f"{_APPROXIMATE_REASON} {_UNCERTAIN}")]
    ]
    reservations: NotRequired[
        Annotated[
            list[Reservation],
            Field(description="The reservation pods of KAI-Scheduler on it; absent without any."),
        ]
    ]


class Nodes(Page):
    """A page of nodes."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    total_nodes: Annotated[Count, Field(description="The number of matching nodes on all pages.")]
    nodes: Annotated[list[Node], Field(description="The nodes of this page, as in status.")]
