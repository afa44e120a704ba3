"""Alerts and events."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.scalars import Timestamp
from lens.model.alerts.alert import Severity
from lens.model.events.transitions import Type as EventType


class Alert(TypedDict):
    """A condition that needs attention and has lasted for a while."""

    id: Annotated[
        str, Field(description="Stays the same while the alert lasts, and is the same on every replica.")
    ]
    severity: Annotated[
        Severity,
        Field(description="critical: something is out of service. warning: something needs attention."),
    ]
    type: Annotated[
        str, Field(description="The type; docs/monitoring.md has all of them.", examples=["GpuLost"])
    ]
    message: Annotated[str, Field(description="What is wrong, for people.")]
    timestamp: Annotated[Timestamp, Field(description="The time since when the condition has lasted.")]
    source: Annotated[
        str,
        Field(
            description="The object that has the condition.",
            examples=["GPU/gpu-node-1/GPU-8a6f", "Pod/ml-team/train-0"],
        ),
    ]
    namespace: Annotated[
        str | None, Field(description="The source's namespace; null for a source without one.")
    ]
    node: Annotated[
        str | None,
        Field(description="The node that has it, or whose GPUs it is about; null for none or many."),
    ]
    gpu_uuid: Annotated[
        str | None, Field(description="The GPU's UUID; null for another source, and for a GPU without one.")
    ]
    gpu_index: Annotated[int | None, Field(description="The GPU's index; null for another source.")]
    pod: Annotated[str | None, Field(description="The pod's name; null for another source.")]
    action: Annotated[str, Field(description="The recommended action.")]


class Event(TypedDict):
    """An event in the cluster."""

    timestamp: Annotated[Timestamp, Field(description="The time at which it was observed.")]
    type: Annotated[EventType, Field(description="The type; Kubernetes for an Event of the apiserver.")]
    object: Annotated[
        str,
        Field(
            description="The object that the event is about.",
            examples=["Pod/ml-team/train-0", "Node/gpu-node-1"],
        ),
    ]
    message: Annotated[str, Field(description="What happened, for people.")]
    namespace: Annotated[
        str | None, Field(description="The object's namespace; null for an object without one.")
    ]
    source: Annotated[
        str,
        Field(
            description="The reporter: lens, or the component that created the Kubernetes Event.",
            examples=["lens", "kubelet", "default-scheduler"],
        ),
    ]
    reason: Annotated[
        str | None,
        Field(
            description="The Kubernetes Event's reason; null if the source is lens.",
            examples=["FailedScheduling"],
        ),
    ]
