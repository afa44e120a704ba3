"""What of the API's answers a model is told: enough to act on, in few words.

These types read an answer and write it again; what they don't have, and what is null, is left out.
"""

from typing import Any

import msgspec

LONGEST_TEXT = 300
"""Characters of a message, which may quote anything."""


class Cluster(msgspec.Struct, omit_defaults=True):
    """A cluster that can be asked for."""

    name: str
    status: str
    age_seconds: float | None = None
    totals: dict[str, int] | None = None
    reason: str | None = None


class Clusters(msgspec.Struct):
    """All of them."""

    clusters: list[Cluster]


class Freshness(msgspec.Struct):
    """How old the figures are."""

    synced: bool
    age_seconds: float


class Moment(msgspec.Struct, kw_only=True):
    """Whose figures, and when they were last known to be current."""

    cluster: str
    timestamp: str


class Status(Moment, kw_only=True, omit_defaults=True):
    """A cluster's figures."""

    current_gpu_usage: dict[str, int | float]
    running_tasks: int
    available_resources: dict[str, int]
    pending: dict[str, int]
    gpu_states: dict[str, int]
    telemetry: dict[str, Any]
    freshness: Freshness
    units: list[dict[str, Any]] = []
    approximate: bool = False


class Task(msgspec.Struct, omit_defaults=True):
    """A pod that holds GPUs."""

    namespace: str
    pod_name: str
    workload_type: str
    workload_name: str
    node_name: str
    allocated_gpus: int
    running_time_seconds: int
    phase: str
    utilization: float | None = None
    utilization_reason: str | None = None
    memory_used_bytes: int | None = None
    units: dict[str, int] | None = None
    terminating: bool = False
    approximate: bool = False


class PendingTask(msgspec.Struct, omit_defaults=True):
    """A pod that waits for GPUs."""

    namespace: str
    pod_name: str
    workload_type: str
    workload_name: str
    requested_gpus: int
    resources: dict[str, int]
    waiting_seconds: int
    priority: int
    state: str
    reason: str | None = None
    message: str | None = None
    scheduling_gates: list[str] = []
    node_selector: dict[str, str] = {}
    affinity: bool = False
    tolerations: list[str] = []
    omitted: dict[str, int] = {}
    terminating: bool = False

    def __post_init__(self) -> None:
        """Shorten what the scheduler says."""
        self.message = self.message and cut(self.message)


class _Page(Moment, kw_only=True, omit_defaults=True):
    total_tasks: int
    following: str | None = msgspec.field(default=None, name="continue")


class Tasks(_Page, kw_only=True, omit_defaults=True):
    """A page of tasks."""

    tasks: list[Task]


class PendingTasks(_Page, kw_only=True, omit_defaults=True):
    """A page of waiting pods."""

    tasks: list[PendingTask]


class Node(msgspec.Struct, omit_defaults=True):
    """A node with GPUs."""

    node_name: str
    status: str
    total_gpus: int
    allocated_gpus: int
    available_gpus: int
    running_tasks: int
    schedulable: bool
    utilization: float | None = None
    product: str | None = None
    unhealthy_gpus: int = 0
    unavailable_gpus: int = 0
    overcommitted_gpus: int = 0
    unschedulable: bool = False
    taints: list[str] = []
    units: list[dict[str, Any]] = []
    approximate: bool = False


class Nodes(Moment, kw_only=True, omit_defaults=True):
    """Some of a cluster's nodes, and of how many."""

    total_nodes: int = -1
    nodes: list[Node]


class Holder(msgspec.Struct, omit_defaults=True):
    """A container that has a GPU, or a part of one."""

    namespace: str
    pod: str
    container: str
    instance_uuid: str | None = None


class Gpu(msgspec.Struct, omit_defaults=True):
    """A physical GPU."""

    state: str
    health: str
    index: int | None = None
    uuid: str | None = None
    holders: list[Holder] = []
    utilization: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None
    health_because: list[str] = []
    recovery_action: str | None = None


class NodeTelemetry(msgspec.Struct, omit_defaults=True):
    """How a node's GPUs are known."""

    source: str
    state: str
    problem: str | None = None
    sampled_at: str | None = None

    def __post_init__(self) -> None:
        """Shorten what is wrong."""
        self.problem = self.problem and cut(self.problem)


class NodeDetail(Moment, kw_only=True, omit_defaults=True):
    """One node, GPU by GPU."""

    node: Node
    telemetry: NodeTelemetry | None = None
    gpus: list[Gpu]


class Alert(msgspec.Struct):
    """Something that is wrong."""

    severity: str
    type: str
    source: str
    message: str
    action: str
    timestamp: str
    namespace: str | None

    def __post_init__(self) -> None:
        """Shorten what it says."""
        self.message, self.action = cut(self.message), cut(self.action)


class Alerts(Moment, kw_only=True):
    """Some of a cluster's alerts, and of how many."""

    total_alerts: int = -1
    alerts: list[Alert]


def cut(text: str) -> str:
    """Return at most the first LONGEST_TEXT characters."""
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
