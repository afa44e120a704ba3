"""Parameters of the status."""

from collections.abc import Collection
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from lens.api.errors import invalid_parameter
from lens.api.parameters.cluster import CapacityParameters
from lens.api.parameters.names import Namespace, ObjectName
from lens.model.events.transitions import Type as EventType
from lens.model.k8s import timestamps

_EPOCH_SECOND_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})


def _epoch_second(text: str) -> int:
    # RFC 3339 allows t and z, too (section 5.6).
    second = timestamps.parse(text.upper())
    if second is None:
        raise ValueError("is not an RFC 3339 time")
    return second


class StatusParameters(CapacityParameters):
    """The cluster, how much of it is shown, and the lists besides the figures."""

    empty_is_default: ClassVar[frozenset[str]] = frozenset({"include"})

    include: frozenset[Literal["nodes", "no_node", "namespaces", "alerts", "events"]] = Field(
        default=frozenset(), description="Lists to add to the figures; repeat it or separate by commas."
    )
    namespace: Namespace | None = Field(
        default=None,
        description="A namespace in which the caller may see capacity, for callers that may not in the "
        "whole cluster. include=no_node then has only the GPUs that its claims hold; "
        "everything else is the same.",
    )
    event_type: frozenset[EventType] = Field(
        default=frozenset(), description="Return only events of these types; repeat it or separate by commas."
    )
    event_object: ObjectName | None = Field(
        default=None, description="Return only events of this object, such as Pod/ml-team/train-0."
    )
    event_since: Annotated[int | None, BeforeValidator(_epoch_second), _EPOCH_SECOND_SCHEMA] = Field(
        default=None, description="Return only events since this RFC 3339 time."
    )

    @property
    def values(self) -> tuple[object, ...]:
        """Return the values that affect the answer: the namespace does where holders are named."""
        return tuple(value for name, value in self if name != "namespace" or self.names_holders)

    @property
    def is_capacity(self) -> bool:
        """Return whether a right to capacity, and to the namespace of holders, is enough for the lists."""
        return self.include <= {"nodes", "no_node"}

    @property
    def names_holders(self) -> bool:
        """Return whether who holds the GPUs of no node is requested."""
        return "no_node" in self.include

    def check(self, given: Collection[str]) -> None:
        """Raise an ApiError for a filter of events without events, and for a list that isn't in the view."""
        if self.view is not None and not self.is_capacity:
            raise invalid_parameter("include: only nodes and no_node are in view=capacity")
        if self.view is not None and self.names_holders and self.namespace is None:
            raise invalid_parameter("include: no_node needs a namespace in view=capacity")
        for name in ("event_type", "event_object", "event_since"):
            if name in given and "events" not in self.include:
                raise invalid_parameter(f"{name} needs include=events")
