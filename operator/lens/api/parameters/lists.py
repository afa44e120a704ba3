"""Parameters of every list: its order, its format and its pages."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, WithJsonSchema

from lens.api.parameters.cluster import ClusterParameters
from lens.api.parameters.numbers import Limit

_MAX_TOKEN = 4096
_TOKEN_SCHEMA = WithJsonSchema({"type": "string", "maxLength": _MAX_TOKEN})


Format = Literal["json", "csv"]


class ListParameters(ClusterParameters):
    """The cluster, the order of a list, and the page."""

    empty_is_default: ClassVar[frozenset[str]] = frozenset({"continue", "format"})

    beside_query: ClassVar[frozenset[str]] = frozenset()
    """Parameters that decide what of each entry is shown, and to whom."""

    sort: str = "name"
    limit: Limit = Field(
        default=None, description="The maximum number of entries per page; without it all are returned."
    )
    continue_: Annotated[str, _TOKEN_SCHEMA] | None = Field(
        default=None,
        alias="continue",
        description="The continue token of the previous page of the same query.",
    )
    format: Format | None = Field(
        default=None, description="The format of the response; by default the one that Accept prefers."
    )

    @property
    def selection(self) -> str:
        """Return the state by which entries are selected."""
        return "all"

    @property
    def query(self) -> tuple[str | None, ...]:
        """Return all parameters that decide which entries there are, and in which order."""
        values = self.model_dump(exclude={"limit", "continue_", "format", *self.beside_query}).values()
        return tuple(None if value is None else str(value) for value in values)

    @property
    def filter(self) -> Callable[[Any], bool] | None:
        """Return the filter other than the state, or None."""
        return None
