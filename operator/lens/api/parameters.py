"""The query and path parameters of each endpoint, and their validation."""

import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, get_args, get_origin

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
from lens.model.fit.spec.resources import is_extended
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.k8s import timestamps
from lens.model.k8s.bounds import LONGEST_WORD, MOST_TERMS
from lens.model.k8s.quantity import parse as parse_quantity
from lens.model.k8s.taints import REPELLING_EFFECTS, Tolerated

# RFC 1123, as Kubernetes names namespaces.
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_MAX_NAME = 253
_MAX_OBJECT = 1024
"""Characters of a kind, a namespace or node, and a name; other components' Events may have longer ones."""

_MAX_TOKEN = 4096
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
MAX_LIMIT = 5000


def is_dns_label(text: str) -> bool:
    """Tell whether a text is a DNS label, as a namespace's name has to be."""
    return _DNS_LABEL.fullmatch(text) is not None


def _dns_label(text: str) -> str:
    if not is_dns_label(text):
        raise ValueError("is not a DNS label")
    return text


def _epoch_second(text: str) -> int:
    # RFC 3339 allows t and z, too (section 5.6).
    second = timestamps.parse(text.upper())
    if second is None:
        raise ValueError("is not an RFC 3339 time")
    return second


def _dns_name(text: str) -> str:
    if len(text) > _MAX_NAME or not all(map(_DNS_LABEL.fullmatch, text.split("."))):
        raise ValueError("is not a DNS name")
    return text


def _max_length(length: int) -> AfterValidator:
    def check(text: str) -> str:
        if len(text) > length:
            raise ValueError(f"is longer than {length} characters")
        return text

    return AfterValidator(check)


def _limit(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise ValueError(f"is not a number from 1 to {MAX_LIMIT}")
    return int(text)


def _product(text: str) -> str:
    if not 1 <= len(text) <= LONGEST_WORD:
        raise ValueError(f"has not 1 to {LONGEST_WORD} characters")
    return text


def _gpus(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("is not a number of GPUs")
    return int(text)


# The schemas of texts with a validator. A JSON Schema pattern matches anywhere in a text.
_DNS_LABEL_SCHEMA = WithJsonSchema({"type": "string", "pattern": f"^{_DNS_LABEL.pattern}$"})
_DNS_NAME_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "pattern": rf"^{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*$",
        "maxLength": _MAX_NAME,
    }
)
_NAME_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1, "maxLength": _MAX_NAME})
_NON_EMPTY_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1})
_OBJECT_SCHEMA = WithJsonSchema({"type": "string", "maxLength": _MAX_OBJECT})
_TOKEN_SCHEMA = WithJsonSchema({"type": "string", "maxLength": _MAX_TOKEN})
_EPOCH_SECOND_SCHEMA = WithJsonSchema({"type": "string", "format": "date-time"})
_PRODUCT_SCHEMA = WithJsonSchema({"type": "string", "minLength": 1, "maxLength": LONGEST_WORD})
_GPUS_SCHEMA = WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 10**9 - 1})
_LIMIT_SCHEMA = WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_LIMIT})

Namespace = Annotated[str, AfterValidator(_dns_label), _DNS_LABEL_SCHEMA]


class _Names(NamedTuple):
    known: tuple[str, ...]
    required: tuple[str, ...]
    repeatable: frozenset[str]


class Parameters(BaseModel):
    """No parameters; the base of all others. Equal parameters request the same data."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_path: ClassVar[frozenset[str]] = frozenset()
    """The fields that are path parameters."""

    empty_is_default: ClassVar[frozenset[str]] = frozenset()
    """The query parameters that an empty value leaves at their default."""

    @property
    def scope(self) -> str | None:
        """Return the namespace if only its tasks are requested, or else None: the whole cluster."""
        return None

    @property
    def values(self) -> tuple[object, ...]:
        """Return the values in the order of the fields."""
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
        """Raise an ApiError for a missing or empty required parameter."""
        for name in cls._names().required:
            if name not in path and not query.get(name):
                raise invalid_parameter(f"{name} is required")

    @classmethod
    def parse(cls, query: MultiMapping[str], path: Mapping[str, str]) -> Self:
        """Return the parameters of query and path. Raise an ApiError that names the first invalid one."""
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
        for name in cls.empty_is_default:
            if given.get(name) in ("", [""]):
                del given[name]
        try:
            params = cls.model_validate(given)
        except ValidationError as error:
            raise invalid_parameter(_message(error.errors(include_url=False)[0])) from None
        params.check(given)
        return params

    def check(self, given: Collection[str]) -> None:
        """Raise an ApiError for parameters that mean nothing beside the others; ``given`` are their names."""


def _message(error: ErrorDetails) -> str:
    name, value = error["loc"][0], quoted(error["input"])
    if error["type"] == "literal_error":
        return f"{name} {value} is not supported; supported: {error['ctx']['expected'].replace(chr(39), '')}"
    return f"{name} {value} {error['ctx']['error']}"


class ClusterParameters(Parameters):
    """The cluster."""

    cluster: Annotated[str, _NON_EMPTY_SCHEMA] = Field(
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
        """Tell whether a right to capacity is enough for what is requested."""
        return True

    @property
    def names_holders(self) -> bool:
        """Tell whether claims and pods are requested: those of the namespace, or else all."""
        return False


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("is empty")
    return text


class AccessParameters(Parameters):
    """What the caller wants to know its rights to."""

    cluster: Annotated[str, AfterValidator(_not_empty), _NON_EMPTY_SCHEMA] | None = Field(
        default=None, description="The cluster's name; by default the one that this Lens watches."
    )
    namespace: Namespace | None = Field(
        default=None, description="A namespace for which the caller's permissions are reported, too."
    )


_LABEL = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
    r"=(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?",
    re.ASCII,
)
_INTEGER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
MAX_GPUS = 1024
MAX_REPLICAS = 10_000
_PRIORITIES = (-(2**31), 2**31 - 1)


def _from(least: int, most: int) -> BeforeValidator:
    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"is not a number from {least} to {most}")
        return int(text)

    return BeforeValidator(read)


def _integer_schema(least: int, most: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": least, "maximum": most})


def _label(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError("is not a label: key=value")
    return text


_NO_TAINT = f"is not a taint: key[=value][:effect], with the effect {' or '.join(sorted(REPELLING_EFFECTS))}"


def _toleration(text: str) -> str:
    if len(text) > _MAX_OBJECT:
        raise ValueError(f"is longer than {_MAX_OBJECT} characters")
    try:
        toleration = Tolerated.parse(text)
    except ValueError:
        raise ValueError(_NO_TAINT) from None
    if not _LABEL.fullmatch(f"{toleration.key}={toleration.value or ''}"):
        raise ValueError(_NO_TAINT)
    return text


def _resource(text: str) -> str:
    if not is_extended(text):
        raise ValueError("is not an extended resource, such as nvidia.com/gpu")
    return text


def _amount(text: str) -> str:
    if not _is_amount(text):
        raise ValueError("is not a quantity from 0")
    return text


def _is_amount(text: str) -> bool:
    try:
        return len(text) <= _MAX_NAME and parse_quantity(text) >= 0
    except ValueError:
        return False


class FitParameters(ClusterParameters):
    """The cluster, the namespace of what is asked about, and how much of the answer is shown."""

    namespace: Namespace | None = Field(
        default=None,
        description="The pods' namespace, whose LimitRanges and ResourceQuotas apply; a permission in it "
        "is enough. Without it a GET checks only the nodes, and a POST takes the manifest's "
        "namespace.",
    )
    view: View | None = Field(
        default=None,
        description="capacity: only the cluster's capacity, and so without the namespace's quotas.",
    )

    @property
    def scope(self) -> str | None:
        """Return the namespace."""
        return self.namespace


class FitRecordParameters(ClusterParameters):
    """The cluster, and whether names are replaced."""

    anonymous: Literal["true", "false"] = Field(
        default="false",
        description="Replace the names of nodes, namespaces, labels and resources that are the users' own.",
    )


class FitQuery(FitParameters):
    """The cluster, and a pod that requests GPUs and tolerates the usual taints of GPU nodes."""

    gpus: Annotated[int, _from(0, MAX_GPUS), _integer_schema(0, MAX_GPUS)] = Field(
        default=1, description="The GPUs of each pod."
    )
    replicas: Annotated[int, _from(1, MAX_REPLICAS), _integer_schema(1, MAX_REPLICAS)] = Field(
        default=1, description="The number of pods."
    )
    product: Annotated[str, AfterValidator(_product), _PRODUCT_SCHEMA] | None = Field(
        default=None,
        description="The GPUs' product, as the nodes' labels name it; products of status has all of them.",
    )
    resource: Annotated[str, AfterValidator(_resource), _NAME_SCHEMA] | None = Field(
        default=None,
        description="The extended resource of the GPUs, such as nvidia.com/gpu. Without it Lens tries "
        "each resource of whole GPUs, the one with the most GPUs first, and takes the first "
        "that fits.",
    )
    device_class: Annotated[str, AfterValidator(_dns_name), _DNS_NAME_SCHEMA] | None = Field(
        default=None, description="The DeviceClass of the GPUs, instead of a resource."
    )
    cpu: Annotated[str, AfterValidator(_amount), _NON_EMPTY_SCHEMA] | None = Field(
        default=None, description="The CPU that each pod requests, such as 500m."
    )
    memory: Annotated[str, AfterValidator(_amount), _NON_EMPTY_SCHEMA] | None = Field(
        default=None, description="The memory that each pod requests, such as 64Gi."
    )
    priority: Annotated[int | None, _from(*_PRIORITIES), _integer_schema(*_PRIORITIES)] = Field(
        default=None, description="The pods' priority; by default that of the default PriorityClass, or 0."
    )
    selector: frozenset[Annotated[str, AfterValidator(_label)]] = Field(
        default=frozenset(),
        description="Labels that nodes must have, as key=value; repeat it or separate by commas.",
    )
    tolerations: frozenset[Annotated[str, AfterValidator(_toleration)]] = Field(
        default=frozenset(),
        description="Further taints that the pods tolerate, as key[=value][:effect]; repeat it or separate "
        "by commas.",
    )

    def check(self, given: Collection[str]) -> None:
        """Raise an ApiError for a DeviceClass beside a resource, and for too many labels or tolerations."""
        if self.device_class is not None and self.resource is not None:
            raise invalid_parameter("device_class and resource are alternatives")
        for name, values in (("selector", self.selector), ("tolerations", self.tolerations)):
            if len(values) > MOST_TERMS:
                raise invalid_parameter(f"{name} is given more than {MOST_TERMS} times")
        if len({label.partition("=")[0] for label in self.selector}) < len(self.selector):
            raise invalid_parameter("selector has two values for one label")


class StatusParameters(CapacityParameters):
    """The cluster, how much of it is shown, and the lists beside the figures."""

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
    event_object: Annotated[str, _max_length(_MAX_OBJECT), _OBJECT_SCHEMA] | None = Field(
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
        """Tell whether a right to capacity, and to the namespace of holders, is enough for the lists."""
        return self.include <= {"nodes", "no_node"}

    @property
    def names_holders(self) -> bool:
        """Tell whether who holds the GPUs of no node is requested."""
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
        """Tell whether the request names its sections."""
        return "include" in self.model_fields_set

    def only(self, sections: Collection[Section], view: View | None) -> Self:
        """Return the parameters of those of its sections alone, in this view."""
        return self.model_copy(update={"include": self.include & frozenset(sections), "view": view})

    def check(self, given: Collection[str]) -> None:
        """Raise an ApiError for a section that isn't in the view."""
        more = CAPACITY_SECTIONS if self.namespace is None else CAPACITY_SECTIONS | {"tasks"}
        if self.view is not None and self.names_sections and not self.include <= more:
            raise invalid_parameter(f"include: only {', '.join(sorted(more))} are in view=capacity")


class NodeParameters(ClusterParameters):
    """The cluster and the node."""

    in_path: ClassVar[frozenset[str]] = frozenset({"name"})

    name: Annotated[str, _max_length(_MAX_NAME), _NAME_SCHEMA] = Field(description="The node's name.")


class AssetParameters(Parameters):
    """The path of a file of the page."""

    in_path: ClassVar[frozenset[str]] = frozenset({"path"})

    path: Annotated[str, _max_length(_MAX_OBJECT), _OBJECT_SCHEMA] = Field(
        description="The digest of all files and then the file's own path, as the page's document names it."
    )


Format = Literal["json", "csv"]


class ListParameters(ClusterParameters):
    """The cluster, the order of a list, and the page."""

    empty_is_default: ClassVar[frozenset[str]] = frozenset({"continue", "format"})

    beside_query: ClassVar[frozenset[str]] = frozenset()
    """Parameters that decide what of each entry is shown, and to whom."""

    sort: str = "name"
    limit: Annotated[int | None, BeforeValidator(_limit), _LIMIT_SCHEMA] = Field(
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
        """Return the filter beside the state, or None."""
        return None


class PodListParameters(ListParameters):
    """The cluster, the filter and order of its pods, and the page."""

    namespace: Namespace | None = Field(default=None, description="Return only pods of this namespace.")

    @property
    def scope(self) -> str | None:
        """Return the namespace."""
        return self.namespace

    @property
    def filter(self) -> Callable[[Pod], bool] | None:
        """Return the filter by namespace."""
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


NodeStatus = Literal["Ready", "NotReady", "Unknown", "Missing"]
NodeSort = Literal[
    "name",
    "-name",
    "available_gpus",
    "-available_gpus",
    "allocated_gpus",
    "-allocated_gpus",
    "total_gpus",
    "-total_gpus",
]


class TaskParameters(PodListParameters):
    """The cluster, the filter and order of its tasks, and the page."""

    state: TaskState = Field(
        default="running",
        description="running: in phase Running. starting: bound to a node, in phase Pending. terminating: "
        "being deleted. all: every pod that holds GPUs.",
    )
    node: Annotated[str, AfterValidator(_dns_name), _DNS_NAME_SCHEMA] | None = Field(
        default=None, description="Return only pods on this node."
    )
    sort: TaskSort = Field(
        default="name", description="The sort order. name sorts by namespace and name; - reverses the order."
    )

    @property
    def selection(self) -> str:
        """Return the state."""
        return self.state

    @property
    def filter(self) -> Callable[[Pod], bool] | None:
        """Return the filter by namespace and node."""
        node, in_namespace = self.node, super().filter
        if node is None:
            return in_namespace
        return lambda pod: pod.node == node and (in_namespace is None or in_namespace(pod))


class PendingParameters(PodListParameters):
    """The cluster, the filter and order of its pending pods, and the page."""

    sort: PendingSort = Field(
        default="name", description="The sort order. name sorts by namespace and name; - reverses the order."
    )


class NodesParameters(CapacityParameters, ListParameters):
    """The cluster, how much of it is shown, the filter and order of its nodes, and the page."""

    beside_query: ClassVar[frozenset[str]] = frozenset({"namespace", "view"})

    sort: NodeSort = Field(default="name", description="The sort order; - reverses the order.")
    status: NodeStatus | None = Field(default=None, description="Return only nodes with this status.")
    product: Annotated[str, AfterValidator(_product), _PRODUCT_SCHEMA] | None = Field(
        default=None, description="Return only nodes with GPUs of this product, as the status names it."
    )
    available_min: Annotated[int | None, BeforeValidator(_gpus), _GPUS_SCHEMA] = Field(
        default=None,
        description="Return only nodes with at least this many available GPUs; of this product, if "
        "product is given.",
    )

    @property
    def filter(self) -> Callable[[NodeOccupancy], bool] | None:
        """Return the filter by status, product and available GPUs."""
        status, product, least = self.status, self.product, self.available_min or 0
        if (status, product, least) == (None, None, 0):
            return None

        def matches(node: NodeOccupancy) -> bool:
            if status is not None and node.status != status:
                return False
            if product is None:
                return node.states.available >= least
            found = next((each for each in node.products if each.product == product), None)
            return found is not None and found.states.available >= least

        return matches
