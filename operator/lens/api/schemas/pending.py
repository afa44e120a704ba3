"""Pods that wait for GPUs, and whether they would be scheduled now."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.envelope import Page
from lens.api.schemas.fit import FitReason
from lens.api.schemas.scalars import Count, Timestamp
from lens.api.schemas.tasks import CLAIMS, FRACTION, Claim, Fraction, PodIdentity

PendingState = Literal["gated", "unschedulable", "waiting"]
NoFitReason = Literal["TOO_MANY_SHAPES", "OUT_OF_TIME", "UNREADABLE"]


class PendingFit(TypedDict):
    """Whether a pending pod would be scheduled now, by Lens' own calculation."""

    fits: Annotated[
        Literal["yes", "no", "unknown"],
        Field(
            description="Whether a node can take the pod now. unknown: something that isn't checked decides."
        ),
    ]
    reason: Annotated[
        str,
        Field(
            description="What is short and on how many nodes, in plain words. Nodes are only named in lists "
            "of all namespaces.",
            examples=["12 nodes: needs 8 nvidia.com/gpu on one node; most free is 3, on gpu-node-6"],
        ),
    ]
    reasons: Annotated[
        list[FitReason],
        Field(
            description="What keeps the pod off nodes; empty if a node can take it. node_names has the node "
            "with the most left of the resource."
        ),
    ]
    complete: Annotated[
        bool, Field(description="Whether nothing that isn't checked can change this; not_checked names it.")
    ]
    not_checked: Annotated[list[str], Field(description="What may affect the answer and isn't checked.")]


class PodFit(TypedDict):
    """What Lens itself says of a pending pod."""

    fit: Annotated[
        PendingFit | None,
        Field(description="Whether the pod would be scheduled now, and what is short; null if unknown."),
    ]
    fit_reason: Annotated[
        NoFitReason | None,
        Field(
            description="Why fit is null: the pending pods are of too many shapes (TOO_MANY_SHAPES), it took "
            "too long, and the next answer may have it (OUT_OF_TIME), or something in the pod can't be read "
            "(UNREADABLE). null if fit isn't."
        ),
    ]


class WaitingTask(PodIdentity):
    """A pod that requests GPUs and isn't bound to a node."""

    owner: Annotated[
        str | None, Field(description="The name of the pod's controller; null for a pod without one.")
    ]
    requested_gpus: Annotated[Count, Field(description="GPUs, or units of shared GPUs, that it requests.")]
    resources: Annotated[dict[str, Count], Field(description="Units that it requests, by resource.")]
    fraction: NotRequired[Annotated[Fraction, Field(description=FRACTION)]]
    created_at: Annotated[Timestamp | None, Field(description="The pod's creation.")]
    waiting_seconds: Annotated[
        Count, Field(description="Seconds from created_at to the time of the response.")
    ]
    priority: Annotated[int, Field(description="The pod's priority.")]
    state: Annotated[
        PendingState,
        Field(
            description="gated: it has scheduling gates; the scheduler ignores it until they are removed. "
            "unschedulable: the scheduler found no node that fits. waiting: the scheduler has reported "
            "nothing yet."
        ),
    ]
    scheduling_gates: Annotated[list[str], Field(description="The names of its scheduling gates.")]
    reason: Annotated[
        str | None, Field(description="The reason of the PodScheduled condition, which the scheduler sets.")
    ]
    message: Annotated[
        str | None, Field(description="The scheduler's message in the PodScheduled condition.")
    ]
    claims: NotRequired[Annotated[list[Claim], Field(description=CLAIMS)]]
    node_selector: Annotated[dict[str, str], Field(description="The pod's node selector.")]
    affinity: Annotated[bool, Field(description="Whether it has node, pod or pod anti-affinity.")]
    tolerations: Annotated[
        list[str],
        Field(description="The pod's tolerations.", examples=[["nvidia.com/gpu:NoSchedule op=Exists"]]),
    ]
    omitted: NotRequired[
        Annotated[
            dict[str, Count],
            Field(
                description="The number of entries that are left out of scheduling_gates, node_selector and "
                "tolerations, by field. Absent if none are left out."
            ),
        ]
    ]
    terminating: Annotated[bool, Field(description="Whether it is being deleted.")]


class PendingTask(WaitingTask, PodFit):
    """A pod that requests GPUs and isn't bound to a node, with Lens' own answer whether it fits."""


class PendingTasks(Page):
    """A page of pending pods."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    total_tasks: Annotated[Count, Field(description="The number of matching pods on all pages.")]
    tasks: Annotated[list[PendingTask], Field(description="The pods of this page.")]
