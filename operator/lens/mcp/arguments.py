"""What a model may hand to a tool. Their schemas are read by models: few words, with units."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# What Kubernetes calls a DNS subdomain. As a part of a path it can lead nowhere else.
_NODE_NAME = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
_NAMESPACE = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"

Namespace = Annotated[str, Field(pattern=_NAMESPACE, max_length=63)]
NodeName = Annotated[str, Field(pattern=_NODE_NAME, max_length=253)]


def _brief(schema: dict[str, Any]) -> None:
    """Take out what pydantic makes of names and docstrings, which is nothing new to a model."""
    for name in ("title", "description"):
        schema.pop(name, None)
    for field in schema.get("properties", {}).values():
        field.pop("title", None)


class Arguments(BaseModel):
    """None. Also what the others have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_brief)


class OfCluster(Arguments):
    """Which cluster."""

    cluster: str = Field(min_length=1, max_length=253, description="The cluster's name, from list_clusters.")


class OfNode(OfCluster):
    """Which cluster's node."""

    node: NodeName = Field(description="The node's name.")


class Some(OfCluster):
    """Which cluster's, and how many."""

    limit: int = Field(default=20, ge=1, le=100, description="At most so many entries.")


class SomeNodes(Some):
    """Which of a cluster's nodes."""

    available_only: bool = Field(default=False, description="Only nodes that can take a pod with GPUs now.")
    status: Literal["Ready", "NotReady", "Unknown", "Missing"] | None = Field(
        default=None, description="Only nodes in this state."
    )


class SomeAlerts(Some):
    """Which of a cluster's alerts."""

    severity: Literal["critical", "warning", "info"] | None = Field(
        default=None, description="Only alerts of this severity."
    )
    namespace: Namespace | None = Field(default=None, description="Only alerts about pods of this namespace.")


class _Page(Some):
    namespace: Namespace | None = Field(default=None, description="Only this namespace's pods.")
    continue_: str | None = Field(
        default=None,
        alias="continue",
        max_length=4096,
        description="To go on: the last answer's continue, with all other arguments the same.",
    )


class SomeTasks(_Page):
    """Which of a cluster's tasks."""

    state: Literal["running", "starting", "terminating", "all"] = Field(
        default="running", description="all: whatever holds GPUs."
    )
    node: NodeName | None = Field(default=None, description="Only pods on this node.")
    sort: Literal["name", "started_at", "-started_at", "allocated_gpus", "-allocated_gpus", "node"] = Field(
        default="name", description="- for descending: -allocated_gpus has the largest first."
    )


class SomePendingTasks(_Page):
    """Which of a cluster's waiting pods."""

    sort: Literal["name", "created_at", "-requested_gpus", "-priority"] = Field(
        default="created_at", description="created_at: who waits longest first. -: descending."
    )


def sentence(error: ValidationError) -> str:
    """Return what is wrong with the first argument at fault, for a model to do better."""
    first = error.errors(include_url=False, include_input=False)[0]
    return f"Invalid argument {'.'.join(map(str, first['loc']))}: {first['msg']}"
