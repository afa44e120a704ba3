"""Query parameters: what each endpoint takes, and how a query is held against it."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Literal, NamedTuple, Self, get_origin

from multidict import MultiMapping
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from lens.api.errors import invalid_parameter, quoted

# RFC 1123, as Kubernetes names namespaces.
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def _dns_label(text: str) -> str:
    if not _DNS_LABEL.fullmatch(text):
        raise ValueError("is not a DNS label")
    return text


class _Names(NamedTuple):
    known: frozenset[str]
    required: tuple[str, ...]
    repeatable: frozenset[str]


class Parameters(BaseModel):
    """None. Also what the others have in common; equal ones ask for the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    @cache
    def _names(cls) -> _Names:
        fields = cls.model_fields.items()
        return _Names(
            known=frozenset(cls.model_fields),
            required=tuple(name for name, field in fields if field.is_required()),
            repeatable=frozenset(name for name, field in fields if get_origin(field.annotation) is frozenset),
        )

    @classmethod
    def require(cls, query: MultiMapping[str], path: Mapping[str, str]) -> None:
        """Raise an ApiError for a required parameter that is missing or empty."""
        for name in cls._names().required:
            if name not in path and not query.get(name):
                raise invalid_parameter(f"{name} is required")

    @classmethod
    def read(cls, query: MultiMapping[str], path: Mapping[str, str]) -> Self:
        """Return the parameters of query and path. Raise an ApiError that names the first one at fault."""
        names = cls._names()
        given: dict[str, object] = dict(path)
        for name, value in query.items():
            if name not in names.known or name in path:
                known = ", ".join(each for each in cls.model_fields if each not in path)
                raise invalid_parameter(f"{quoted(name)} is unknown" + (f"; known: {known}" if known else ""))
            if name not in names.repeatable:
                if name in given:
                    raise invalid_parameter(f"{name} is given more than once")
                given[name] = value
            elif name not in given:
                given[name] = ",".join(query.getall(name)).split(",")
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise invalid_parameter(_sentence(error.errors(include_url=False)[0])) from None


def _sentence(error: ErrorDetails) -> str:
    name, value = error["loc"][0], quoted(error["input"])
    if error["type"] == "literal_error":
        return f"{name} {value} is not supported; supported: {error['ctx']['expected'].replace(chr(39), '')}"
    return f"{name} {value} {error['ctx']['error']}"


class ClusterParameters(Parameters):
    """Which cluster."""

    cluster: str = Field(description="The cluster's name, as /api/v1/clusters has it.")


class StatusParameters(ClusterParameters):
    """Which cluster, and what besides the figures."""

    include: frozenset[Literal["nodes"]] = Field(
        default=frozenset(), description="Further sections, repeated or comma-separated."
    )


class NodeParameters(ClusterParameters):
    """Which cluster's node."""

    name: str = Field(description="The node's name.", max_length=253)


class TaskParameters(ClusterParameters):
    """Which cluster's tasks."""

    namespace: Annotated[str, AfterValidator(_dns_label)] | None = Field(
        default=None, description="Only this namespace's tasks."
    )
