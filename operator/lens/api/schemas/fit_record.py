"""How often Lens and the scheduler agreed about pending pods, and the cases in which they didn't."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.scalars import Count, Timestamp


class FitRecord(TypedDict):
    """How often the scheduler and Lens agreed about pending pods."""

    right: Annotated[Count, Field(description="Pods that were bound or refused in agreement with Lens.")]
    wrong: Annotated[Count, Field(description="Pods about which the scheduler and Lens disagreed.")]
    abstained: Annotated[
        Count,
        Field(
            description="Decisions that can't be compared: Lens' answer isn't complete, or the cluster "
            "changed at that time."
        ),
    ]
    since: Annotated[Timestamp, Field(description="When counting began: at Lens' start.")]


class FitCaseFile(TypedDict):
    """A case file: ``make oracle ARGS=FILE`` asks the fit engine and kube-scheduler's own code about it."""

    differences: Annotated[list[str], Field(description="What Lens and the scheduler said.")]
    fleet: Annotated[
        dict[str, list[dict[str, Any]]],
        Field(
            description="The objects: namespaces, nodes, the pods on them, and in asked the pod, each with "
            "what affects the answer. For a pod that asks for devices also resourceClaims, "
            "resourceSlices, deviceClasses and deviceTaintRules."
        ),
    ]


class FitCase(TypedDict):
    """A pending pod about which Lens and the scheduler disagreed."""

    timestamp: Annotated[Timestamp, Field(description="When Lens saw what the scheduler had done.")]
    namespace: Annotated[str | None, Field(description="The pod's namespace; null if anonymous.")]
    pod_name: Annotated[str | None, Field(description="The pod's name; null if anonymous.")]
    said: Annotated[Literal["yes", "no"], Field(description="Whether the pod fitted, by Lens' rules.")]
    because: Annotated[
        str | None, Field(description="Why it didn't fit, by Lens' rules; null if it did, or if anonymous.")
    ]
    node_name: Annotated[
        str | None,
        Field(description="The node that it was bound to; null if it was refused, or if anonymous."),
    ]
    message: Annotated[
        str | None,
        Field(description="The scheduler's refusal; null if it was bound, or if anonymous."),
    ]
    omitted_nodes: Annotated[
        Count, Field(description="Nodes that affect the answer and are left out to bound the case's size.")
    ]
    file: Annotated[FitCaseFile, Field(description="The case as a file.")]


class FitRecordDetail(TypedDict):
    """How often Lens was right about pending pods, and where it was wrong."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    fit_record: Annotated[
        FitRecord | None, Field(description="The figures; null before the first comparison.")
    ]
    abstained: Annotated[
        dict[str, Count],
        Field(
            description="Decisions that can't be compared, by the reason: not_checked of the answer, or "
            "busy, changed, deleted, gated, listed, preemption, raced."
        ),
    ]
    cases: Annotated[list[FitCase], Field(description="The latest that were wrong, newest first.")]
