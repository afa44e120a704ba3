"""A cluster's status: its figures, their age, and the lists that ``include`` adds."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.alerts_and_events import Alert, Event
from lens.api.schemas.dra import Dra, NoNodeGpu
from lens.api.schemas.fit_record import FitRecord
from lens.api.schemas.gpu_figures import AvailableResources, GpuNodes, GpuStates, GpuUsage, Product
from lens.api.schemas.nodes import APPROXIMATE, UNITS, Node, NodeResource
from lens.api.schemas.scalars import Count, Seconds, Timestamp


class Freshness(TypedDict):
    """The age of the figures."""

    synced: Annotated[bool, Field(description="Whether every resource has been listed.")]
    age_seconds: Annotated[
        Seconds, Field(description="Seconds since the figures were last known to be current.")
    ]
    watch_age_seconds: Annotated[
        dict[str, Seconds], Field(description="Seconds since each resource's watch last received data.")
    ]
    unseen: Annotated[
        dict[str, str],
        Field(description="Resources that Lens can't read, so no figure has them, with the reason."),
    ]
    coverage: Annotated[
        float, Field(ge=0, le=1, description="The fraction of GPUs that report utilization now.")
    ]
    sequence: Annotated[
        Count, Field(description="Increases with every visible change; restarts with the process.")
    ]


class Telemetry(TypedDict):
    """The GPUs' utilization; null while no GPU reports it."""

    coverage: Annotated[float, Field(ge=0, le=1, description="The fraction of GPUs that report utilization.")]
    utilized_gpus: Annotated[int | None, Field(description="GPUs above 50 % utilization.")]
    utilization_rate: Annotated[
        float | None, Field(description="Mean utilization of the GPUs that report it, in percent.")
    ]
    nodes: Annotated[
        "TelemetryNodes",
        Field(description="Nodes with an agent or exporter, by the age of their last sample."),
    ]


class TelemetryNodes(TypedDict):
    """Numbers of nodes by the age of their last sample."""

    ok: Annotated[Count, Field(description="Nodes whose last sample is recent.")]
    stale: Annotated[Count, Field(description="Nodes whose last sample is older than two intervals.")]
    unknown: Annotated[Count, Field(description="Nodes without a sample that still counts.")]


class Pending(TypedDict):
    """GPU requests that aren't scheduled yet."""

    pods: Annotated[Count, Field(description="Pods that request GPUs and aren't bound to a node.")]
    gpus: Annotated[Count, Field(description="GPUs, or units of shared GPUs, that these pods request.")]
    gated_pods: Annotated[Count, Field(description="Those of these pods that have scheduling gates.")]


class Namespace(TypedDict):
    """A namespace that holds GPUs, or waits for some."""

    namespace: Annotated[str, Field(description="The namespace.")]
    allocated_gpus: Annotated[
        Count,
        Field(
            description="GPUs that its pods and claims hold. A GPU that two namespaces share counts for both."
        ),
    ]
    busy_gpus: Annotated[
        Count, Field(description="Those of running pods above LENS_ALERT_IDLE_PERCENT of utilization.")
    ]
    idle_gpus: Annotated[Count, Field(description="Those of running pods at or below it.")]
    unmeasured_gpus: Annotated[
        Count, Field(description="The others: of pods that aren't running or aren't measured, and of no pod.")
    ]
    utilization: Annotated[
        float | None,
        Field(
            ge=0,
            le=100,
            description="The mean utilization in percent of busy and idle GPUs; null without any.",
        ),
    ]
    idle_gpu_seconds: Annotated[
        Count,
        Field(
            description="The sum over pods that are idle now: the pod's GPUs times the seconds that it has "
            "been idle, since this Lens first saw it."
        ),
    ]
    running_tasks: Annotated[Count, Field(description="Its running pods with GPUs.")]
    pending_pods: Annotated[Count, Field(description="Its pods that request GPUs and aren't bound.")]
    pending_gpus: Annotated[
        Count, Field(description="The GPUs, or units of shared ones, that these request.")
    ]


class Status(TypedDict):
    """A cluster's GPU figures at one time."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    current_gpu_usage: Annotated[GpuUsage, Field(description="Total, allocated and utilized GPUs.")]
    running_tasks: Annotated[Count, Field(description="Pods in phase Running that hold at least one GPU.")]
    available_resources: Annotated[
        AvailableResources, Field(description="What the scheduler can allocate now.")
    ]
    pending: Annotated[Pending, Field(description="What isn't scheduled yet.")]
    freshness: Annotated[Freshness, Field(description="The age of the figures.")]
    telemetry: Annotated[Telemetry, Field(description="The GPUs' utilization.")]
    gpu_states: Annotated[GpuStates, Field(description="GPUs by state.")]
    products: Annotated[
        list[Product],
        Field(
            description="GPUs by product, those with the most GPUs first; all entries add up to gpu_states."
        ),
    ]
    gpu_nodes: Annotated[GpuNodes, Field(description="Nodes by the use of their GPUs.")]
    dra: Annotated[
        Dra, Field(description="Dynamic resource allocation: pools with problems, and GPUs of no node.")
    ]
    units: Annotated[list[NodeResource], Field(description=UNITS)]
    approximate: Annotated[bool, Field(description=APPROXIMATE)]
    fit_record: Annotated[
        FitRecord | None,
        Field(description="How often Lens was right about pending pods; null before the first comparison."),
    ]
    nodes: NotRequired[Annotated[list[Node], Field(description="The nodes by name; with include=nodes.")]]
    no_node_gpus: NotRequired[
        Annotated[
            list[NoNodeGpu],
            Field(
                description="The GPUs of no node that ResourceClaims hold, by driver and pool; with "
                "include=no_node. If a namespace is given: only those that its claims hold, with these "
                "claims alone."
            ),
        ]
    ]
    namespaces: NotRequired[
        Annotated[
            list[Namespace],
            Field(description="The namespaces, those with the most GPUs first; with include=namespaces."),
        ]
    ]
    alerts: NotRequired[
        Annotated[
            list[Alert], Field(description="The alerts, critical first, then newest; with include=alerts.")
        ]
    ]
    recent_events: NotRequired[
        Annotated[list[Event], Field(description="The events, newest first; with include=events.")]
    ]
