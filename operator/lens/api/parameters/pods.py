"""Parameters of the lists of pods."""

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from lens.api.parameters.lists import ListParameters
from lens.api.parameters.names import DnsName, Namespace
from lens.model.inventory.objects.pod import Pod


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


class TaskParameters(PodListParameters):
    """The cluster, the filter and order of its tasks, and the page."""

    state: TaskState = Field(
        default="running",
        description="running: in phase Running. starting: bound to a node, in phase Pending. terminating: "
        "being deleted. all: every pod that holds GPUs.",
    )
    node: DnsName | None = Field(default=None, description="Return only pods on this node.")
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
