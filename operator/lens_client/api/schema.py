"""The types of the API's responses; docs/realtime.md has the meaning of each field.

Made by ``make schema`` from operator/lens/web/openapi.json.
"""

from typing import Any, Literal, NotRequired, TypedDict


class NamespaceAccess(TypedDict):
    """What the caller sees by its permissions in one namespace, or in the whole cluster."""

    name: str
    tasks: bool
    capacity: bool


class Access(TypedDict):
    """What the caller may see."""

    caller: str
    cluster: str
    clusters: list[str] | None
    realtime: bool
    capacity: bool
    namespace: NamespaceAccess | None
    namespaces: list[str] | None
    paths: list[str] | None
    version: str
    page: str


class Alert(TypedDict):
    """A condition that needs attention and has lasted for a while."""

    id: str
    severity: Literal["critical", "warning", "info"]
    type: str
    message: str
    timestamp: str
    source: str
    namespace: str | None
    node: str | None
    gpu_uuid: str | None
    gpu_index: int | None
    pod: str | None
    action: str


class AvailableResources(TypedDict):
    """GPUs that the scheduler can allocate now."""

    available_gpus: int
    available_nodes: int
    max_contiguous_gpu: int
    max_contiguous_gpu_product: str | None
    max_contiguous_gpu_reason: str | None


class ClaimedDevice(TypedDict):
    """A device that a ResourceClaim holds for a pod."""

    request: str
    driver: str
    pool: str
    device: str
    share_id: str | None
    product: str | None
    uuid: str | None
    gpu_uuid: str | None
    reason: Literal["SLICE_GONE", "NOT_REPORTED"] | None


class Claim(TypedDict):
    """A ResourceClaim of GPUs that a pod names."""

    name: str | None
    resource_claim: str | None
    ready: bool
    reason: (
        Literal[
            "NOT_CREATED",
            "NOT_FOUND",
            "NOT_ALLOCATED",
            "NO_DEVICE_CLASS",
            "TERMINATING",
            "NOT_RESERVED",
            "BINDING_CONDITIONS",
            "BINDING_FAILED",
        ]
        | None
    )
    waits_for: list[str]
    gpus: int | None
    devices: list[ClaimedDevice]


class ClusterTotals(TypedDict):
    """A cluster's main figures."""

    total_gpus: int
    allocated_gpus: int
    available_gpus: int
    running_tasks: int


class Cluster(TypedDict):
    """A cluster that this Lens knows."""

    name: str
    local: bool
    status: Literal["ok", "stale", "syncing", "unreachable"]
    age_seconds: float | None
    totals: ClusterTotals | None
    reason: NotRequired[Literal["TIMEOUT", "FORBIDDEN", "FAILED"]]


class GpuUsage(TypedDict):
    """Total, allocated and utilized GPUs."""

    total_gpus: int
    allocated_gpus: int
    utilized_gpus: int
    allocation_rate: float
    utilization_rate: float


class Product(TypedDict):
    """The GPUs of one product; the four states add up to total."""

    product: str | None
    reason: str | None
    total: int
    allocated: int
    available: int
    unhealthy: int
    unavailable: int
    largest_block: int


class GpuNodes(TypedDict):
    """Nodes that have GPUs, by their use; each is in exactly one of the four states."""

    total: int
    idle: int
    partly_used: int
    full: int
    closed: int


class ClusterSummary(TypedDict):
    """A cluster's figures, null while it is syncing or unreachable."""

    name: str
    local: bool
    status: Literal["ok", "stale", "syncing", "unreachable"]
    age_seconds: float | None
    current_gpu_usage: GpuUsage | None
    running_tasks: int | None
    available_resources: AvailableResources | None
    products: list[Product] | None
    gpu_nodes: GpuNodes | None
    reasons: dict[str, str]
    reason: NotRequired[Literal["TIMEOUT", "FORBIDDEN", "FAILED"]]


class Clusters(TypedDict):
    """All clusters that this Lens knows."""

    clusters: list[Cluster]


class DeviceCondition(TypedDict):
    """A condition of an allocated device, as its driver writes it into the claim's status."""

    type: str
    status: str
    reason: str


class DeviceClaim(TypedDict):
    """A ResourceClaim that holds a device, or a share of it."""

    namespace: str
    resource_claim: str
    request: str
    share_id: str | None
    consumed: dict[str, str]
    total_pods: int
    pods: list[str]
    without_pod: Literal["UNRESERVED", "PODS_GONE"] | None
    allocated_at: str | None
    health: Literal["Healthy", "Unhealthy", "Unknown"]
    conditions: list[DeviceCondition]
    waits_for: list[str]
    failed: list[str]


class NodeResource(TypedDict):
    """One GPU resource of one node or of all nodes, in units of the resource."""

    resource: str
    capacity: int
    allocatable: int
    allocated: int
    available: int
    unhealthy: int
    unavailable: int
    overcommitted: int


class ProblemPool(TypedDict):
    """A pool of DRA devices that can't be counted as a whole."""

    driver: str
    pool: str
    reason: Literal[
        "INCOMPLETE",
        "DUPLICATE_DEVICE",
        "DUPLICATE_COUNTER_SET",
        "MISSING_COUNTER_SET",
        "MISSING_COUNTER",
        "UNREADABLE",
    ]
    detail: str
    generation: int
    slices: int
    slice_count: int


class Dra(TypedDict):
    """Dynamic resource allocation: what no node's row has."""

    no_node: list[NodeResource]
    total_problem_pools: int
    problem_pools: list[ProblemPool]
    rules_not_applied: list[str]
    both_ways_nodes: int


class DraDevice(TypedDict):
    """A device of a pool: a GPU or a part of one."""

    device: str
    type: str | None
    profile: str | None
    uuid: str | None
    memory_bytes: int | None
    driver_version: str | None
    nvlink_clique: str | None
    numa_node: int | None
    taints: list[str]
    taint_rules: list[str]
    capacity_left: dict[str, float]
    claims: list[DeviceClaim]


class DraGpu(TypedDict):
    """A GPU as a DRA driver offers it."""

    driver: str
    pool: str
    name: str
    state: Literal["allocated", "unhealthy", "unavailable", "available", "unknown"]
    reason: str | None
    pci_bus_id: str | None
    largest_partition_left: str | None
    total_devices: int
    devices: list[DraDevice]


class Event(TypedDict):
    """An event in the cluster."""

    timestamp: str
    type: Literal[
        "TaskStarted",
        "TaskFinished",
        "TaskFailed",
        "TaskEvicted",
        "TaskPreempted",
        "TaskDeleted",
        "TaskEnded",
        "NodeJoined",
        "NodeLeft",
        "NodeReady",
        "NodeNotReady",
        "NodeCordoned",
        "NodeUncordoned",
        "GpuLost",
        "GpuUnhealthy",
        "GpuRecovered",
        "AlertRaised",
        "AlertCleared",
        "Kubernetes",
    ]
    object: str
    message: str
    namespace: str | None
    source: str
    reason: str | None


class FitPlacement(TypedDict):
    """Pods on a node."""

    node_name: str
    replicas: int
    devices: list[str]


class FitReason(TypedDict):
    """Why a number of nodes can't take the next pod."""

    code: str
    message: str
    nodes: int
    resource: str | None
    asked: int | None
    most_free: int | None
    short_by: int | None
    node_names: NotRequired[list[str]]


class FitPods(TypedDict):
    """The pods of one template."""

    name: str
    fits: Literal["yes", "no", "unknown"]
    replicas: int
    placed: int
    placements: NotRequired[list[FitPlacement]]
    reasons: list[FitReason]
    message: str | None


class FitQuotaUse(TypedDict):
    """One limit of a ResourceQuota."""

    quota: str
    resource: str
    hard: float
    used: float
    asked: float
    exceeded: bool


class FitAlternative(TypedDict):
    """What would fit: the same question with one change."""

    change: Literal["gpus", "replicas", "product", "device_class", "devices", "selector", "toleration"]
    value: str
    gpus: int | None
    replicas: int


class FitEvictable(TypedDict):
    """The pods of a lower priority that hold GPUs of the requested kind."""

    gpus: int
    pods: int
    fits: Literal["yes", "no", "unknown"]
    protected_pods: int | None
    fits_within_budgets: Literal["yes", "no", "unknown"] | None
    namespaces: NotRequired[dict[str, int]]


class Fit(TypedDict):
    """Whether pods would be scheduled now."""

    cluster: str
    timestamp: str
    age_seconds: float
    fits: Literal["yes", "no", "unknown"]
    complete: bool
    not_checked: list[str]
    replicas: int
    placed: int
    max_replicas: int | None
    resource: str | None
    device_class: str | None
    pods: list[FitPods]
    quota: list[FitQuotaUse] | None
    nearest: list[FitAlternative]
    evictable: FitEvictable | None


class FitCaseFile(TypedDict):
    """A case file: ``make oracle ARGS=FILE`` asks the fit engine and kube-scheduler's own code about it."""

    differences: list[str]
    fleet: dict[str, list[dict[str, Any]]]


class FitCase(TypedDict):
    """A pending pod about which Lens and the scheduler disagreed."""

    timestamp: str
    namespace: str | None
    pod_name: str | None
    said: Literal["yes", "no"]
    because: str | None
    node_name: str | None
    message: str | None
    omitted_nodes: int
    file: FitCaseFile


class FitRecord(TypedDict):
    """How often the scheduler and Lens agreed about pending pods."""

    right: int
    wrong: int
    abstained: int
    since: str


class FitRecordDetail(TypedDict):
    """How often Lens was right about pending pods, and where it was wrong."""

    cluster: str
    timestamp: str
    fit_record: FitRecord | None
    abstained: dict[str, int]
    cases: list[FitCase]


class Fraction(TypedDict):
    """The part of GPUs that a pod asks KAI-Scheduler for, by annotations."""

    portion: float | None
    memory_mib: int | None
    devices: int
    gpu_groups: list[str]
    reservations: list[str]
    reason: Literal["NO_RESERVATION", "MALFORMED"] | None


class Freshness(TypedDict):
    """The age of the figures."""

    synced: bool
    age_seconds: float
    watch_age_seconds: dict[str, float]
    unseen: dict[str, str]
    coverage: float
    sequence: int


class GpuHolder(TypedDict):
    """A container that a GPU, or a part of it, is allocated to."""

    namespace: str
    pod: str
    container: str
    instance_uuid: str | None


class GpuInstance(TypedDict):
    """A MIG instance."""

    uuid: str | None
    profile: str | None
    utilization: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None


class Gpu(TypedDict):
    """A physical GPU, as the node's agent or exporter, DRA, or its pods' statuses report it."""

    source: Literal["agent", "dcgm", "amd", "pods", "dra"]
    index: int | None
    uuid: str | None
    product: str | None
    state: Literal["allocated", "unhealthy", "unavailable", "available", "unknown"]
    holders: list[GpuHolder]
    utilization: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    temperature_celsius: float | None
    power_watts: float | None
    health: Literal["ok", "warning", "critical", "lost", "unknown"]
    health_because: list[str]
    recovery_action: str | None
    instances: list[GpuInstance]
    sampled_at: str
    reasons: dict[str, str]
    dra: NotRequired[DraGpu]


class GpuStates(TypedDict):
    """GPUs by state; the first four states add up to all GPUs."""

    allocated: int
    unhealthy: int
    unavailable: int
    available: int
    overcommitted: int
    missing_nodes: int
    held_without_pod: int
    unknown: int | None
    unknown_reason: Literal["INCOMPLETE_POOLS"] | None


class Health(TypedDict):
    """The result of a probe."""

    status: Literal["ok"]


class Meta(TypedDict):
    """The outcome of the request."""

    code: int
    message: str
    clusters: NotRequired[list[str]]


class Namespace(TypedDict):
    """A namespace that holds GPUs, or waits for some."""

    namespace: str
    allocated_gpus: int
    busy_gpus: int
    idle_gpus: int
    unmeasured_gpus: int
    utilization: float | None
    idle_gpu_seconds: int
    running_tasks: int
    pending_pods: int
    pending_gpus: int


class NoNodeGpu(TypedDict):
    """A GPU that belongs to no single node, and that claims hold."""

    driver: str
    pool: str
    name: str
    state: Literal["allocated", "unhealthy", "unavailable", "available", "unknown"]
    reason: str | None
    pci_bus_id: str | None
    largest_partition_left: str | None
    total_devices: int
    devices: list[DraDevice]
    uuid: str | None
    product: str | None
    memory_bytes: int | None


class Reservation(TypedDict):
    """A reservation pod of KAI-Scheduler, which holds a GPU for pods that share it."""

    pod: str
    gpus: int
    gpu_groups: list[str]
    total_tasks: int
    tasks: list[str]


class Node(TypedDict):
    """A node with GPUs, or a node that GPU pods are bound to."""

    node_name: str
    status: str
    total_gpus: int
    allocated_gpus: int
    available_gpus: int
    utilization: float | None
    unhealthy_gpus: int
    unavailable_gpus: int
    overcommitted_gpus: int
    schedulable: bool
    unschedulable: bool
    taints: list[str]
    product: str | None
    running_tasks: int
    resources: list[NodeResource]
    drivers: NotRequired[list[NodeResource]]
    held_without_pod: NotRequired[int]
    unknown_gpus: NotRequired[int]
    units: NotRequired[list[NodeResource]]
    approximate: NotRequired[bool]
    approximate_reason: NotRequired[str | None]
    reservations: NotRequired[list[Reservation]]


class NodeTelemetry(TypedDict):
    """The source and age of a node's GPU data."""

    source: Literal["agent", "dcgm", "amd"]
    state: Literal["ok", "stale", "unknown"]
    problem: str | None
    sampled_at: str | None


class NodeDetail(TypedDict):
    """A node and each of its GPUs."""

    cluster: str
    timestamp: str
    node: Node
    telemetry: NodeTelemetry | None
    gpus: list[Gpu]


Nodes = TypedDict(
    "Nodes",
    {
        "continue": str | None,
        "cluster": str,
        "timestamp": str,
        "total_nodes": int,
        "nodes": list[Node],
    },
)


class Pending(TypedDict):
    """GPU requests that aren't scheduled yet."""

    pods: int
    gpus: int
    gated_pods: int


class PendingFit(TypedDict):
    """Whether a pending pod would be scheduled now, by Lens' own calculation."""

    fits: Literal["yes", "no", "unknown"]
    reason: str
    reasons: list[FitReason]
    complete: bool
    not_checked: list[str]


class PendingTask(TypedDict):
    """A pod that requests GPUs and isn't bound to a node, with Lens' own answer whether it fits."""

    pod_uid: str
    pod_name: str
    namespace: str
    workload_type: str
    workload_name: str
    workload_reason: (
        Literal[
            "UNREAD", "FORBIDDEN", "GONE", "UNKNOWN_KIND", "UNREACHABLE", "UNREADABLE", "CYCLE", "TOO_DEEP"
        ]
        | None
    )
    owner: str | None
    requested_gpus: int
    resources: dict[str, int]
    fraction: NotRequired[Fraction]
    created_at: str | None
    waiting_seconds: int
    priority: int
    state: Literal["gated", "unschedulable", "waiting"]
    scheduling_gates: list[str]
    reason: str | None
    message: str | None
    claims: NotRequired[list[Claim]]
    node_selector: dict[str, str]
    affinity: bool
    tolerations: list[str]
    omitted: NotRequired[dict[str, int]]
    terminating: bool
    fit: PendingFit | None
    fit_reason: Literal["TOO_MANY_SHAPES", "OUT_OF_TIME", "UNREADABLE"] | None


PendingTasks = TypedDict(
    "PendingTasks",
    {
        "continue": str | None,
        "cluster": str,
        "timestamp": str,
        "total_tasks": int,
        "tasks": list[PendingTask],
    },
)


class Task(TypedDict):
    """A pod that holds GPUs."""

    pod_uid: str
    pod_name: str
    namespace: str
    workload_type: str
    workload_name: str
    workload_reason: (
        Literal[
            "UNREAD", "FORBIDDEN", "GONE", "UNKNOWN_KIND", "UNREACHABLE", "UNREADABLE", "CYCLE", "TOO_DEEP"
        ]
        | None
    )
    node_name: str
    allocated_gpus: int
    running_time_seconds: int
    started_at: str | None
    owner: str | None
    resources: dict[str, int]
    units: NotRequired[dict[str, int]]
    approximate: NotRequired[bool]
    claims: NotRequired[list[Claim]]
    fraction: NotRequired[Fraction]
    phase: str
    terminating: bool
    utilization: float | None
    memory_used_bytes: int | None
    gpu_uuids: list[str] | None
    utilization_reason: str | None


RunningTasks = TypedDict(
    "RunningTasks",
    {
        "continue": str | None,
        "cluster": str,
        "timestamp": str,
        "total_tasks": int,
        "tasks": list[Task],
    },
)


class TelemetryNodes(TypedDict):
    """Numbers of nodes by the age of their last sample."""

    ok: int
    stale: int
    unknown: int


class Telemetry(TypedDict):
    """The GPUs' utilization; null while no GPU reports it."""

    coverage: float
    utilized_gpus: int | None
    utilization_rate: float | None
    nodes: TelemetryNodes


class Status(TypedDict):
    """A cluster's GPU figures at one time."""

    cluster: str
    timestamp: str
    current_gpu_usage: GpuUsage
    running_tasks: int
    available_resources: AvailableResources
    pending: Pending
    freshness: Freshness
    telemetry: Telemetry
    gpu_states: GpuStates
    products: list[Product]
    gpu_nodes: GpuNodes
    dra: Dra
    units: list[NodeResource]
    approximate: bool
    fit_record: FitRecord | None
    nodes: NotRequired[list[Node]]
    no_node_gpus: NotRequired[list[NoNodeGpu]]
    namespaces: NotRequired[list[Namespace]]
    alerts: NotRequired[list[Alert]]
    recent_events: NotRequired[list[Event]]


class Summary(TypedDict):
    """The sums over all clusters with known figures."""

    timestamp: str | None
    current_gpu_usage: GpuUsage
    running_tasks: int
    available_resources: AvailableResources
    coverage: float
    products: list[Product]
    gpu_nodes: GpuNodes
    without_products: list[str]
    clusters: list[ClusterSummary]
    unreachable: list[str]
