"""The tools' arguments. Models read their schemas, so descriptions are short and have units."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# A DNS subdomain in Kubernetes' sense, which is also a single path segment.
_NODE_NAME = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
_NAMESPACE = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

Namespace = Annotated[str, Field(pattern=_NAMESPACE, max_length=63)]
NodeName = Annotated[str, Field(pattern=_NODE_NAME, max_length=253)]
PodName = NodeName


def _brief(schema: dict[str, Any]) -> None:
    """Remove the titles and descriptions that pydantic makes from names and docstrings."""
    for name in ("title", "description"):
        schema.pop(name, None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)


class Arguments(BaseModel):
    """No arguments; the base of the others."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_brief)


class ClusterArguments(Arguments):
    """The arguments of a tool about a cluster."""

    cluster: str = Field(min_length=1, max_length=253, description="The cluster's name, from list_clusters.")


class NodeArguments(ClusterArguments):
    """The arguments of a tool about a node."""

    node: NodeName = Field(description="The node's name.")


class WhyArguments(ClusterArguments):
    """The arguments of the question why a pod is pending."""

    namespace: Namespace = Field(description="The pod's namespace.")
    pod: PodName = Field(description="The pod's name.")


class FitArguments(ClusterArguments):
    """The arguments of the question whether pods fit."""

    gpus: int = Field(default=1, ge=0, le=1024, description="The GPUs of each pod.")
    replicas: int = Field(default=1, ge=1, le=10_000, description="The number of pods.")
    product: str | None = Field(
        default=None, min_length=1, max_length=253, description="Only GPUs of this product, from get_status."
    )
    cpu: str | None = Field(default=None, max_length=32, description="The CPU of each pod: 8, 500m.")
    memory: str | None = Field(default=None, max_length=32, description="The memory of each pod: 64Gi.")
    namespace: Namespace | None = Field(
        default=None, description="The pods' namespace: its quotas and defaults count."
    )
    priority: int | None = Field(default=None, ge=-(2**31), le=2**31 - 1, description="The pods' priority.")


class ListArguments(ClusterArguments):
    """The arguments of a tool that returns a list."""

    limit: int = Field(default=20, ge=1, le=100, description="At most so many entries.")


class _PageArguments(ListArguments):
    continue_: str | None = Field(
        default=None,
        alias="continue",
        max_length=4096,
        description="To go on: the last answer's continue, with all other arguments the same.",
    )


class NodesArguments(_PageArguments):
    """The arguments of the list of nodes."""

    available_min: int | None = Field(
        default=None, ge=0, le=1_000_000, description="Only nodes with at least so many available GPUs."
    )
    product: str | None = Field(
        default=None,
        min_length=1,
        max_length=128,
        description="Only nodes with GPUs of this product, from products of get_status.",
    )
    sort: Literal["name", "-available_gpus", "available_gpus", "-allocated_gpus", "-total_gpus"] = Field(
        default="-available_gpus", description="- for descending: the default has the most available first."
    )
    status: Literal["Ready", "NotReady", "Unknown", "Missing"] | None = Field(
        default=None, description="Only nodes in this state."
    )


class AlertsArguments(ListArguments):
    """The arguments of the list of alerts."""

    severity: Literal["critical", "warning", "info"] | None = Field(
        default=None, description="Only alerts of this severity."
    )
    namespace: Namespace | None = Field(default=None, description="Only alerts about pods of this namespace.")


class _PodsArguments(_PageArguments):
    namespace: Namespace | None = Field(default=None, description="Only this namespace's pods.")


class TasksArguments(_PodsArguments):
    """The arguments of the list of running tasks."""

    state: Literal["running", "starting", "terminating", "all"] = Field(
        default="running", description="all: whatever holds GPUs."
    )
    node: NodeName | None = Field(default=None, description="Only pods on this node.")
    sort: Literal["name", "started_at", "-started_at", "allocated_gpus", "-allocated_gpus", "node"] = Field(
        default="name", description="- for descending: -allocated_gpus has the largest first."
    )


class PendingTasksArguments(_PodsArguments):
    """The arguments of the list of pending tasks."""

    sort: Literal["name", "created_at", "-requested_gpus", "-priority"] = Field(
        default="created_at", description="created_at: who waits longest first. -: descending."
    )


def error_message(error: ValidationError) -> str:
    """Return the error of the first invalid argument, for the model."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"Invalid argument {'.'.join(map(str, first['loc']))}: {first['msg']}"
