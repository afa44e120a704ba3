"""The cluster, and how much of it is shown."""

from typing import Annotated, Literal

from pydantic import Field

from lens.api.parameters.base import Parameters
from lens.api.parameters.names import NON_EMPTY_SCHEMA, Namespace


class ClusterParameters(Parameters):
    """The cluster."""

    cluster: Annotated[str, NON_EMPTY_SCHEMA] = Field(
        description="The cluster's name, as listed by /api/v1/clusters."
    )


View = Literal["capacity"]


class FiguresParameters(Parameters):
    """No parameters, of figures that name no pod: a right to capacity is enough."""


class CapacityParameters(ClusterParameters):
    """The cluster, and how much of it is shown."""

    namespace: Namespace | None = Field(
        default=None,
        description="A namespace in which the caller may see capacity, for callers that may not in the "
        "whole cluster. The response is the same.",
    )
    view: View | None = Field(
        default=None,
        description="capacity: only the cluster's capacity; by default all that the caller may see.",
    )

    @property
    def is_capacity(self) -> bool:
        """Return whether a right to capacity is enough for what is requested."""
        return True

    @property
    def names_holders(self) -> bool:
        """Return whether claims and pods are requested: those of the namespace, or else all."""
        return False
