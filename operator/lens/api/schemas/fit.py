"""Whether pods would be scheduled now, what keeps them off nodes, and what would fit instead."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.scalars import Count, Seconds, Timestamp


class FitReason(TypedDict):
    """Why a number of nodes can't take the next pod."""

    code: Annotated[
        str,
        Field(description="What is wrong, such as insufficient, taint, node_selector, unschedulable, quota."),
    ]
    message: Annotated[str, Field(description="kube-scheduler's words, or the apiserver's.")]
    nodes: Annotated[Count, Field(description="The number of nodes.")]
    resource: Annotated[str | None, Field(description="The resource that is short; null if none is.")]
    asked: Annotated[
        int | None,
        Field(
            description="How much of it a pod requests: CPU in millicores, everything else in units (memory "
            "in bytes)."
        ),
    ]
    most_free: Annotated[
        int | None,
        Field(description="The most of it that one of these nodes has free."),
    ]
    short_by: Annotated[int | None, Field(description="How much is missing on the node with the most free.")]
    node_names: NotRequired[
        Annotated[
            list[str],
            Field(description="Some of the nodes; absent where placements are."),
        ]
    ]


class FitPlacement(TypedDict):
    """Pods on a node."""

    node_name: Annotated[str, Field(description="The node.")]
    replicas: Annotated[Count, Field(description="How many pods it would get.")]
    devices: Annotated[
        list[str],
        Field(
            description="The devices that their ResourceClaims would get, as driver/pool/device; of many the "
            "first. Empty for pods without claims."
        ),
    ]


class FitPods(TypedDict):
    """The pods of one template."""

    name: Annotated[
        str, Field(description="The kind of the workload, and the name of its part that has the template.")
    ]
    fits: Annotated[Literal["yes", "no", "unknown"], Field(description="Whether all of these fit.")]
    replicas: Annotated[Count, Field(description="How many pods there are.")]
    placed: Annotated[Count, Field(description="How many of them nodes can take.")]
    placements: NotRequired[
        Annotated[
            list[FitPlacement],
            Field(
                description="Where they would go; kube-scheduler may choose other nodes. Absent for callers "
                "that see neither the whole cluster nor its capacity."
            ),
        ]
    ]
    reasons: Annotated[
        list[FitReason],
        Field(description="What keeps the first pod that doesn't fit off nodes; if all fit, the first pod."),
    ]
    message: Annotated[
        str | None,
        Field(description="What kube-scheduler would write into the pod's condition; null if all fit."),
    ]


class FitQuotaUse(TypedDict):
    """One limit of a ResourceQuota."""

    quota: Annotated[str, Field(description="The ResourceQuota's name.")]
    resource: Annotated[str, Field(description="The resource, as the quota names it.")]
    hard: Annotated[float, Field(description="The quota's limit.")]
    used: Annotated[float, Field(description="What the namespace uses now.")]
    asked: Annotated[float, Field(description="What the pods would add.")]
    exceeded: Annotated[bool, Field(description="Whether used and asked together exceed hard.")]


class FitAlternative(TypedDict):
    """What would fit: the same question with one change."""

    change: Annotated[
        Literal["gpus", "replicas", "product", "device_class", "devices", "selector", "toleration"],
        Field(
            description="What is changed. selector: without node selectors and node affinity. devices: fewer "
            "devices of a claim's request. product: for claims it replaces the request's "
            "selectors. With several requests the value begins with claim/request=."
        ),
    ]
    value: Annotated[str, Field(description="What it is changed to.")]
    gpus: Annotated[int | None, Field(description="The GPUs of each pod; null for a pod without GPUs.")]
    replicas: Annotated[Count, Field(description="The number of pods.")]


class FitEvictable(TypedDict):
    """The pods of a lower priority that hold GPUs of the requested kind."""

    gpus: Annotated[Count, Field(description="The GPUs, or units of shared GPUs, that they hold.")]
    pods: Annotated[Count, Field(description="The number of pods.")]
    fits: Annotated[
        Literal["yes", "no", "unknown"], Field(description="Whether all would fit without these pods.")
    ]
    protected_pods: Annotated[
        Count | None,
        Field(
            description="How many of these pods PodDisruptionBudgets don't allow to be evicted together "
            "with the others; null if the budgets aren't known."
        ),
    ]
    fits_within_budgets: Annotated[
        Literal["yes", "no", "unknown"] | None,
        Field(
            description="Whether all would fit if no pod is evicted against a budget; null if the budgets "
            "aren't known. unknown: another choice of pods within the same budgets may matter."
        ),
    ]
    namespaces: NotRequired[
        Annotated[
            dict[str, Count],
            Field(
                description="Their GPUs by namespace, those with the most; absent for callers that may not "
                "see the whole cluster."
            ),
        ]
    ]


class Fit(TypedDict):
    """Whether pods would be scheduled now."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    age_seconds: Annotated[Seconds, Field(description="The seconds since then.")]
    fits: Annotated[
        Literal["yes", "no", "unknown"],
        Field(
            description="yes: all pods fit. no: at least one doesn't. unknown: something that isn't checked "
            "decides."
        ),
    ]
    complete: Annotated[
        bool, Field(description="Whether nothing that isn't checked can change this; not_checked names it.")
    ]
    not_checked: Annotated[list[str], Field(description="What may affect the answer and isn't checked.")]
    replicas: Annotated[Count, Field(description="How many pods are asked about.")]
    placed: Annotated[Count, Field(description="How many of them fit.")]
    max_replicas: Annotated[
        int | None,
        Field(
            description="How many would fit if as many were asked about; null if that isn't counted, and for "
            "workloads with several pod templates."
        ),
    ]
    resource: Annotated[
        str | None,
        Field(description="The resource that a GET's pods request; null for a POST and a DeviceClass."),
    ]
    device_class: Annotated[
        str | None,
        Field(
            description="The DeviceClass of which a GET's pods claim devices; null for a resource, and "
            "for a caller without a right to the whole cluster who hasn't named it."
        ),
    ]
    pods: Annotated[list[FitPods], Field(description="The pods by template, in the order of placement.")]
    quota: Annotated[
        list[FitQuotaUse] | None,
        Field(description="The limits that the pods count against; null without a namespace, or if unknown."),
    ]
    nearest: Annotated[
        list[FitAlternative],
        Field(description="What would fit instead; empty if all fit, or nothing is found."),
    ]
    evictable: Annotated[
        FitEvictable | None,
        Field(description="What pods of a lower priority hold; null if all pods fit, and if there are none."),
    ]
