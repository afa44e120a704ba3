"""Parameters of the stream."""

from collections.abc import Collection
from typing import ClassVar, Literal, Self, get_args

from pydantic import Field

from lens.api.errors import invalid_parameter
from lens.api.parameters.cluster import ClusterParameters, View
from lens.api.parameters.names import Namespace

Section = Literal["status", "nodes", "tasks", "alerts", "events"]


CAPACITY_SECTIONS: frozenset[Section] = frozenset({"status", "nodes"})
"""What a stream has for a right to capacity."""


class StreamParameters(ClusterParameters):
    """The cluster, and the content of the stream."""

    empty_is_default: ClassVar[frozenset[str]] = frozenset({"include"})

    include: frozenset[Section] = Field(
        default=frozenset(get_args(Section)),
        description="What to stream: the figures (status) and lists; repeat it or separate by commas. By "
        "default all that the caller may see.",
    )
    namespace: Namespace | None = Field(
        default=None,
        description="Stream only the tasks of this namespace. With include also status and nodes, if the "
        "caller may see them.",
    )
    view: View | None = Field(
        default=None, description="capacity: only status and nodes, and of these only the cluster's capacity."
    )

    @property
    def scope(self) -> str | None:
        """Return the namespace."""
        return self.namespace

    @property
    def names_sections(self) -> bool:
        """Return whether the request names its sections."""
        return "include" in self.model_fields_set

    def only(self, sections: Collection[Section], view: View | None) -> Self:
        """Return the parameters of those of its sections alone, in this view."""
        return self.model_copy(update={"include": self.include & frozenset(sections), "view": view})

    def check(self, given: Collection[str]) -> None:
        """Raise an ApiError for a section that isn't in the view."""
        more = CAPACITY_SECTIONS if self.namespace is None else CAPACITY_SECTIONS | {"tasks"}
        if self.view is not None and self.names_sections and not self.include <= more:
            raise invalid_parameter(f"include: only {', '.join(sorted(more))} are in view=capacity")
