"""Query parameters: what each endpoint takes, and how a query is held against it."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, ClassVar, Literal, NamedTuple, Self, get_args, get_origin

from multidict import MultiMapping
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails

from lens.api.errors import invalid_parameter, quoted
from lens.model.events.transitions import Type as EventType
from lens.model.inventory.pod import Pod
from lens.model.k8s import timestamps

# RFC 1123, as Kubernetes names namespaces.
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_LONGEST_NAME = 253
_LONGEST_OBJECT = 1024
"""Characters: a kind, a namespace or node and a name, and what others' Events may call one."""

_LONGEST_PLACE = 4096
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
LONGEST_PAGE = 5000


def _dns_label(text: str) -> str:
    if not _DNS_LABEL.fullmatch(text):
        raise ValueError("is not a DNS label")
    return text


def _epoch_second(text: str) -> int:
    second = timestamps.parse(text)
    if second is None:
        raise ValueError("is not an RFC 3339 time")
    return second


def _dns_name(text: str) -> str:
    if len(text) > _LONGEST_NAME or not all(map(_DNS_LABEL.fullmatch, text.split("."))):
        raise ValueError("is not a DNS name")
    return text


def _of_at_most(longest: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > longest:
            raise ValueError(f"is longer than {longest} characters")
        return text

    return AfterValidator(check)


def _page_size(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= LONGEST_PAGE:
        raise ValueError(f"is not a number from 1 to {LONGEST_PAGE}")
    return int(text)


# What the schema says of text that a validator reads; in JSON Schema patterns match anywhere.
_DNS_LABEL_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{_DNS_LABEL.pattern}$"})
_DNS_NAME_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "pattern": rf"^{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*$",
        "maxLength": _LONGEST_NAME,
    }
)
_NAME_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1, "maxLength": _LONGEST_NAME})
_GIVEN_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})
_OBJECT_SCHEMA = WithJsonSchema({"type": "string", "maxLength": _LONGEST_OBJECT})
_PLACE_SCHEMA = WithJsonSchema({"type": "string", "maxLength": _LONGEST_PLACE})
_EPOCH_SECOND_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})
_PAGE_SIZE_SCHEMA = WithJsonSchema({"type": "integer", "minimum": 1, "maximum": LONGEST_PAGE})

Namespace = Annotated[str, AfterValidator(_dns_label), _DNS_LABEL_SCHEMA]


class _Names(NamedTuple):
    known: tuple[str, ...]
    required: tuple[str, ...]
    repeatable: frozenset[str]


class Parameters(BaseModel):
    """None. Also what the others have in common; equal ones ask for the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_path: ClassVar[frozenset[str]] = frozenset()
    """The fields that are a part of the URL's path."""

    @property
    def scope(self) -> str | None:
        """Return the namespace whose tasks alone are asked for; None for anything else, or more."""
        return None

    @property
    def values(self) -> tuple[object, ...]:
        """Return what is asked for, in the order of the fields."""
        return tuple(value for _, value in self)

    @classmethod
    @cache
    def _names(cls) -> _Names:
        fields = cls.model_fields.items()
        return _Names(
            known=tuple(field.alias or name for name, field in fields),
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
    def parse(cls, query: MultiMapping[str], path: Mapping[str, str]) -> Self:
        """Return the parameters of query and path. Raise an ApiError that names the first one at fault."""
        names = cls._names()
        given: dict[str, object] = dict(path)
        for name, value in query.items():
            if name not in names.known or name in path:
                known = ", ".join(each for each in names.known if each not in path)
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

    cluster: Annotated[str, _GIVEN_SCHEMA] = Field(
        description="The cluster's name, as /api/v1/clusters has it."
    )


class StatusParameters(ClusterParameters):
    """Which cluster, and what besides the figures."""

    include: frozenset[Literal["nodes", "alerts", "events"]] = Field(
        default=frozenset(), description="Further sections, repeated or comma-separated."
    )
    event_type: frozenset[EventType] = Field(
        default=frozenset(), description="Only events of these types, repeated or comma-separated."
    )
    event_object: Annotated[str, _of_at_most(_LONGEST_OBJECT), _OBJECT_SCHEMA] | None = Field(
        default=None, description="Only events of this object."
    )
    event_since: Annotated[int | None, BeforeValidator(_epoch_second), _EPOCH_SECOND_SCHEMA] = Field(
        default=None, description="Only events since then, an RFC 3339 time."
    )


Section = Literal["nodes", "tasks", "alerts", "events"]


class StreamParameters(ClusterParameters):
    """Which cluster, and what of it."""

    include: frozenset[Section] = Field(
        default=frozenset(get_args(Section)),
        description="Sections beside the figures, repeated or comma-separated; all by default.",
    )
    namespace: Namespace | None = Field(
        default=None, description="Only this namespace's tasks, and nothing else."
    )

    @property
    def scope(self) -> str | None:
        """Return the namespace."""
        return self.namespace


class NodeParameters(ClusterParameters):
    """Which cluster's node."""

    in_path: ClassVar[frozenset[str]] = frozenset({"name"})

    name: Annotated[str, _of_at_most(_LONGEST_NAME), _NAME_SCHEMA] = Field(description="The node's name.")


class ListParameters(ClusterParameters):
    """Which cluster's pods, and which page of them."""

    namespace: Namespace | None = Field(default=None, description="Only this namespace's.")
    sort: str = "name"
    limit: Annotated[int | None, BeforeValidator(_page_size), _PAGE_SIZE_SCHEMA] = Field(
        default=None, description="At most so many; all if it isn't given."
    )
    continue_: Annotated[str, _PLACE_SCHEMA] | None = Field(
        default=None, alias="continue", description="Go on where an answer to the same query has ended."
    )

    @property
    def scope(self) -> str | None:
        """Return the namespace."""
        return self.namespace

    @property
    def selection(self) -> str:
        """Return the state of the pods."""
        return "all"

    @property
    def query(self) -> tuple[str | None, ...]:
        """Return all that is asked, whichever page."""
        return tuple(self.model_dump(exclude={"limit", "continue_"}).values())

    @property
    def filter(self) -> Callable[[Pod], bool] | None:
        """Return what else pods must pass; None for nothing."""
        namespace = self.namespace
        return None if namespace is None else lambda pod: pod.namespace == namespace


TaskState = Literal["running", "starting", "terminating", "all"]
TaskSort = Literal[
    "name", "-name", "started_at", "-started_at", "allocated_gpus", "-allocated_gpus", "node", "-node"
]
PendingSort = Literal[
    "name",
    "-name",
    "created_at",
    "-created_at",
    "requested_gpus",
    "-requested_gpus",
    "priority",
    "-priority",
]


class TaskParameters(ListParameters):
    """Which cluster's tasks."""

    state: TaskState = Field(
        default="running",
        description="running: the phase is Running. starting: bound and Pending. terminating: being deleted. "
        "all: whatever holds GPUs.",
    )
    node: Annotated[str, AfterValidator(_dns_name), _DNS_NAME_SCHEMA] | None = Field(
        default=None, description="Only this node's."
    )
    sort: TaskSort = Field(default="name", description="name is namespace and name; - turns it round.")

    @property
    def selection(self) -> str:
        """Return the state."""
        return self.state

    @property
    def filter(self) -> Callable[[Pod], bool] | None:
        """Return what holds of the namespace's or the node's pods."""
        node, in_namespace = self.node, super().filter
        if node is None:
            return in_namespace
        return lambda pod: pod.node == node and (in_namespace is None or in_namespace(pod))


class PendingParameters(ListParameters):
    """Which cluster's waiting pods."""

    sort: PendingSort = Field(default="name", description="name is namespace and name; - turns it round.")
