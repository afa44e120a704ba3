"""Parameters of what the process itself serves."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from multidict import MultiMapping
from pydantic import AfterValidator, Field

from lens.api.parameters.base import Parameters
from lens.api.parameters.names import NON_EMPTY_SCHEMA, Namespace, ObjectName


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


class AccessParameters(Parameters):
    """The cluster and the namespace of the rights."""

    cluster: Annotated[str, AfterValidator(_not_empty), NON_EMPTY_SCHEMA] | None = Field(
        default=None, description="The cluster's name; by default the one that this Lens watches."
    )
    namespace: Namespace | None = Field(
        default=None, description="A namespace for which the caller's permissions are reported, too."
    )


class DocumentParameters(Parameters):
    """No parameters of a document for people, whose address may have those of others: a link's, a login's."""

    @classmethod
    def parse(cls, query: MultiMapping[str], path: Mapping[str, str]) -> Self:  # noqa: ARG003 - the base's
        """Ignore the query."""
        return cls()


class AssetParameters(Parameters):
    """The path of a file of the page."""

    in_path: ClassVar[frozenset[str]] = frozenset({"path"})

    path: ObjectName = Field(
        description="The digest of all files and then the file's own path, as the page's document names it."
    )
