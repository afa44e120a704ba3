"""The types of the responses, from which the OpenAPI document is made.

They are typed dictionaries rather than models: mypy checks them where they are made, pydantic makes the same
schemas of them, and 40,000 tasks take 50 ms instead of 300.
"""

from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar

from pydantic import Field
from typing_extensions import TypedDict  # pydantic accepts typing's own from Python 3.12 on

from lens.model.alerts.alert import Severity
from lens.model.events.transitions import Type as EventType
from lens.model.inventory.owner_chains import Reason

T = TypeVar("T")

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
Timestamp = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", examples=["2025-12-19T15:30:00Z"])
]


class Meta(TypedDict):
    """The outcome of the request."""

    code: Annotated[
        int, Field(description="2000 for success, or the error's code: the HTTP status and one more digit.")
    ]
    message: Annotated[str, Field(description="OK, or the error's message.")]
    clusters: NotRequired[
        Annotated[
            list[str],
            Field(
                description="The known clusters; only for Cluster not found, and for a caller that may list "
                "them."
            ),
        ]
    ]


class Envelope(TypedDict, Generic[T]):
    """The envelope of every JSON response; data is null in an error."""

    meta: Annotated[Meta, Field(description="The outcome of the request.")]
    data: Annotated[T, Field(description="The data of the response; null in an error.")]


class GpuUsage(TypedDict):
    """Total, allocated and utilized GPUs."""

    total_gpus: Annotated[Count, Field(description="All GPUs, in any state.")]
    allocated_gpus: Annotated[Count, Field(description="GPUs that pods or ResourceClaims hold.")]
    utilized_gpus: Annotated[
        Count, Field(description="GPUs above 50 % utilization; 0 while no GPU reports utilization.")
    ]
    allocation_rate: Annotated[
        float, Field(ge=0, le=100, description="Allocated GPUs in percent of all GPUs.")
    ]
    utilization_rate: Annotated[
        float,
        Field(
            ge=0,
            le=100,
            description="Mean utilization of the GPUs that report it, in percent; 0 while none does.",
        ),
    ]


class AvailableResources(TypedDict):
    """GPUs that the scheduler can allocate now."""

    available_gpus: Annotated[Count, Field(description="Free GPUs on nodes that accept GPU pods.")]
    available_nodes: Annotated[Count, Field(description="Nodes with at least one available GPU.")]
    max_contiguous_gpu: Annotated[Count, Field(description="The most available GPUs on one node.")]
    max_contiguous_gpu_product: Annotated[
        str | None,
        Field(
            description="The product of these GPUs; if several nodes have as many, the first product by name."
        ),
    ]
    max_contiguous_gpu_reason: Annotated[
        str | None,
        Field(
            description="Why max_contiguous_gpu_product is null: NONE_AVAILABLE, SEVERAL_PRODUCTS if no "
            "product alone has as many on one node, NOT_REPORTED by an older Lens of another cluster, or a "
            "reason of products."
        ),
    ]


class Product(TypedDict):
    """The GPUs of one product; the four states add up to total."""

    product: Annotated[
        str | None,
        Field(
            description="The product, as the vendor's node label has it.", examples=["NVIDIA-H100-80GB-HBM3"]
        ),
    ]
    reason: Annotated[
        str | None,
        Field(
            description="Why product is null. UNKNOWN_PRODUCT: neither a node label nor telemetry has it. "
            "UNKNOWN_DEVICES: the nodes have several products, and it isn't known which of their GPUs are in "
            "which state. SLICE_GONE: a claim holds a device that no ResourceSlice has. OTHER_PRODUCTS: the "
            "sum of all products beyond the 32 with the most GPUs."
        ),
    ]
    total: Annotated[Count, Field(description="All GPUs of the product, in any state.")]
    allocated: Annotated[Count, Field(description="Held by a pod or a ResourceClaim.")]
    available: Annotated[Count, Field(description="Free, on nodes that accept GPU pods.")]
    unhealthy: Annotated[
        Count, Field(description="Held by nobody, and not allocatable or, with DRA, tainted.")
    ]
    unavailable: Annotated[Count, Field(description="Free, on nodes that accept no GPU pods.")]
    largest_block: Annotated[Count, Field(description="The most available GPUs of the product on one node.")]


class GpuNodes(TypedDict):
    """Nodes that have GPUs, by their use; each is in exactly one of the four states."""

    total: Annotated[Count, Field(description="Nodes that have GPUs.")]
    idle: Annotated[
        Count, Field(description="Nodes with available GPUs, of whose GPUs none is allocated to a pod.")
    ]
    partly_used: Annotated[Count, Field(description="Nodes with available and with allocated GPUs.")]
    full: Annotated[
        Count,
        Field(description="Nodes that accept GPU pods and have no available GPU: no healthy one is free."),
    ]
    closed: Annotated[
        Count,
        Field(description="Nodes that accept no GPU pods, by cordon or taints, whatever is allocated there."),
    ]


class Freshness(TypedDict):
    """The age of the figures."""

    synced: Annotated[bool, Field(description="Whether every resource has been listed.")]
    age_seconds: Annotated[
        Seconds, Field(description="Seconds since the figures were last known to be current.")
    ]
    watch_age_seconds: Annotated[
        dict[str, Seconds], Field(description="Seconds since each resource's watch last received data.")
    ]
    unseen: Annotated[
        dict[str, str],
        Field(description="Resources that Lens can't read, so no figure has them, with the reason."),
    ]
    coverage: Annotated[
        float, Field(ge=0, le=1, description="The fraction of GPUs that report utilization now.")
    ]
    sequence: Annotated[
        Count, Field(description="Increases with every visible change; restarts with the process.")
    ]


class Telemetry(TypedDict):
    """The GPUs' utilization; null while no GPU reports it."""

    coverage: Annotated[float, Field(ge=0, le=1, description="The fraction of GPUs that report utilization.")]
    utilized_gpus: Annotated[int | None, Field(description="GPUs above 50 % utilization.")]
    utilization_rate: Annotated[
        float | None, Field(description="Mean utilization of the GPUs that report it, in percent.")
    ]
    nodes: Annotated[
        "TelemetryNodes",
        Field(description="Nodes with an agent or exporter, by the age of their last sample."),
    ]


class TelemetryNodes(TypedDict):
    """Numbers of nodes by the age of their last sample."""

    ok: Annotated[Count, Field(description="Nodes whose last sample is recent.")]
    stale: Annotated[Count, Field(description="Nodes whose last sample is older than two intervals.")]
    unknown: Annotated[Count, Field(description="Nodes without a sample that still counts.")]


class GpuStates(TypedDict):
    """GPUs by state; the first four states add up to all GPUs."""

    allocated: Annotated[Count, Field(description="Held by a pod or a ResourceClaim.")]
    unhealthy: Annotated[
        Count,
        Field(description="Held by nobody, and not allocatable or, with DRA, tainted."),
    ]
    unavailable: Annotated[
        Count, Field(description="Free, on a node that accepts no GPU pods: cordoned or tainted.")
    ]
    available: Annotated[Count, Field(description="Free, on a node that accepts GPU pods.")]
    overcommitted: Annotated[
        Count,
        Field(description="Requested by bound pods beyond their nodes' GPUs; counted in no other figure."),
    ]
    missing_nodes: Annotated[
        Count, Field(description="Nodes that GPU pods are bound to, and that don't exist or have no GPUs.")
    ]
    held_without_pod: Annotated[
        Count,
        Field(
            description="Of the allocated GPUs those that ResourceClaims, or reservation pods of "
            "KAI-Scheduler, hold for no pod."
        ),
    ]
    unknown: Annotated[
        Count | None,
        Field(description="Unheld GPUs of DRA pools that can't be counted; they are in no state."),
    ]
    unknown_reason: Annotated[
        Literal["INCOMPLETE_POOLS"] | None,
        Field(
            description="Why unknown is null. INCOMPLETE_POOLS: ResourceSlices of a pool are missing, or "
            "can't be read."
        ),
    ]


class NodeResource(TypedDict):
    """One GPU resource of one node or of all nodes, in units of the resource."""

    resource: Annotated[
        str, Field(description="Its name, or that of a DRA driver.", examples=["nvidia.com/gpu"])
    ]
    capacity: Annotated[Count, Field(description="Units in the nodes' capacity.")]
    allocatable: Annotated[Count, Field(description="Units that are allocatable, thus healthy.")]
    allocated: Annotated[Count, Field(description="Units that pods or ResourceClaims hold.")]
    available: Annotated[Count, Field(description="Free units on nodes that accept GPU pods.")]
    unhealthy: Annotated[
        Count,
        Field(description="Units that nobody holds, and that are not allocatable or, with DRA, tainted."),
    ]
    unavailable: Annotated[Count, Field(description="Free units on nodes that accept no GPU pods.")]
    overcommitted: Annotated[Count, Field(description="Units that pods hold beyond what the nodes have.")]


class ProblemPool(TypedDict):
    """A pool of DRA devices that can't be counted as a whole."""

    driver: Annotated[str, Field(description="Its driver.", examples=["gpu.nvidia.com"])]
    pool: Annotated[str, Field(description="Its name.", examples=["gpu-node-1"])]
    reason: Annotated[
        Literal[
            "INCOMPLETE",
            "DUPLICATE_DEVICE",
            "DUPLICATE_COUNTER_SET",
            "MISSING_COUNTER_SET",
            "MISSING_COUNTER",
            "UNREADABLE",
        ],
        Field(
            description="What is wrong. INCOMPLETE: the number of its ResourceSlices isn't the one that they "
            "state. DUPLICATE_…: two devices or counter sets have one name. MISSING_…: a device "
            "draws on counters that don't exist. UNREADABLE: it is counted without a part that "
            "can't be read."
        ),
    ]
    detail: Annotated[
        str,
        Field(description="The number of slices, a name, or what can't be read.", examples=["1 of 2 slices"]),
    ]
    generation: Annotated[int, Field(description="Its newest generation, which alone counts.")]
    slices: Annotated[Count, Field(description="The ResourceSlices of this generation.")]
    slice_count: Annotated[int, Field(description="The number of ResourceSlices that these state.")]


class Dra(TypedDict):
    """Dynamic resource allocation: what no node's row has."""

    no_node: Annotated[
        list[NodeResource],
        Field(
            description="The GPUs that belong to no single node, by driver; all other figures have them, too."
        ),
    ]
    total_problem_pools: Annotated[Count, Field(description="The number of pools in problem_pools.")]
    problem_pools: Annotated[
        list[ProblemPool],
        Field(description="The first 100 pools by name that can't be counted as a whole."),
    ]
    rules_not_applied: Annotated[
        list[str],
        Field(
            description="The first 100 DeviceTaintRules that are in no figure, since they select devices by "
            "class or CEL expressions."
        ),
    ]
    both_ways_nodes: Annotated[
        Count, Field(description="Nodes whose GPUs a device plugin and a DRA driver offer.")
    ]


_UNITS = "GPU resources whose units may be parts of GPUs (time-slicing, MPS, MIG, partitions), in units."
_APPROXIMATE = "Whether the numbers of GPUs are approximate: the true ones may differ."
_APPROXIMATE_REASON = (
    "Why the numbers of GPUs are approximate: UNKNOWN_DEVICES if nothing says which GPUs "
    "units are on, UNKNOWN_RATIO if nothing says how many units a GPU has, BOTH_WAYS if a "
    "device plugin and DRA may offer the same GPUs; null if they are exact."
)
_UNCERTAIN = "Absent without units and without GPUs that are offered both ways."


class Reservation(TypedDict):
    """A reservation pod of KAI-Scheduler, which holds a GPU for pods that share it."""

    pod: Annotated[str, Field(description="The pod, as namespace/name.")]
    gpus: Annotated[Count, Field(description="The GPUs, or units of shared GPUs, that it holds.")]
    gpu_groups: Annotated[list[str], Field(description="The GPU groups that it holds them for.")]
    total_tasks: Annotated[
        Count, Field(description="The pods of these groups on its node; 0 if it holds its GPUs for nobody.")
    ]
    tasks: Annotated[list[str], Field(description="The first 100 of these pods, as namespace/name.")]


class Node(TypedDict):
    """A node with GPUs, or a node that GPU pods are bound to."""

    node_name: Annotated[str, Field(description="Its name.")]
    status: Annotated[
        str,
        Field(
            pattern="^(Ready|NotReady|Unknown|Missing)$",
            description="The Ready condition; Unknown without one, Missing if the node or its GPUs are gone.",
        ),
    ]
    total_gpus: Annotated[Count, Field(description="All its GPUs, in any state.")]
    allocated_gpus: Annotated[Count, Field(description="Its GPUs that pods or ResourceClaims hold.")]
    available_gpus: Annotated[Count, Field(description="Its free GPUs, if it accepts GPU pods.")]
    utilization: Annotated[
        float | None, Field(description="Mean utilization of its GPUs that report it, in percent.")
    ]
    unhealthy_gpus: Annotated[
        Count,
        Field(description="Its GPUs that nobody holds, and that are not allocatable or, with DRA, tainted."),
    ]
    unavailable_gpus: Annotated[Count, Field(description="Its free GPUs, if it accepts no GPU pods.")]
    overcommitted_gpus: Annotated[Count, Field(description="GPUs that pods hold beyond what it has.")]
    schedulable: Annotated[bool, Field(description="Whether it accepts GPU pods, by its cordon and taints.")]
    unschedulable: Annotated[bool, Field(description="Whether it is cordoned.")]
    taints: Annotated[
        list[str],
        Field(description="Its taints.", examples=[["nvidia.com/gpu=present:NoSchedule"]]),
    ]
    product: Annotated[
        str | None,
        Field(
            description="The GPU product, from the vendor's node label or else from telemetry; null if it is "
            "unknown or there are several."
        ),
    ]
    running_tasks: Annotated[Count, Field(description="Pods in phase Running that hold GPUs on it.")]
    resources: Annotated[list[NodeResource], Field(description="Its GPU resources, in units.")]
    drivers: NotRequired[
        Annotated[
            list[NodeResource],
            Field(description="The GPUs that DRA drivers offer on it, by driver; absent without any."),
        ]
    ]
    held_without_pod: NotRequired[
        Annotated[
            Count, Field(description="Of its allocated GPUs those that are held for no pod; absent for 0.")
        ]
    ]
    unknown_gpus: NotRequired[
        Annotated[
            Count,
            Field(
                description="Its unheld GPUs of DRA pools that can't be counted; they are in no state. "
                "Absent for 0."
            ),
        ]
    ]
    units: NotRequired[
        Annotated[list[NodeResource], Field(description=f"{_UNITS} Absent without such resources.")]
    ]
    approximate: NotRequired[Annotated[bool, Field(description=f"{_APPROXIMATE} {_UNCERTAIN}")]]
    approximate_reason: NotRequired[
        Annotated[str | None, Field(description=f"{_APPROXIMATE_REASON} {_UNCERTAIN}")]
    ]
    reservations: NotRequired[
        Annotated[
            list[Reservation],
            Field(description="The reservation pods of KAI-Scheduler on it; absent without any."),
        ]
    ]


class GpuHolder(TypedDict):
    """A container that a GPU, or a part of it, is allocated to."""

    namespace: Annotated[str, Field(description="The pod's namespace.")]
    pod: Annotated[str, Field(description="The pod's name.")]
    container: Annotated[str, Field(description="The container's name.")]
    instance_uuid: Annotated[
        str | None, Field(description="The UUID of its MIG instance; null for a whole GPU.")
    ]


class GpuInstance(TypedDict):
    """A MIG instance."""

    uuid: Annotated[str | None, Field(description="The instance's UUID; null if it is unknown.")]
    profile: Annotated[str | None, Field(description="The MIG profile, such as 1g.10gb.")]
    utilization: Annotated[float | None, Field(description="Utilization in percent.")]
    memory_used_bytes: Annotated[int | None, Field(description="Memory in use.")]
    memory_total_bytes: Annotated[int | None, Field(description="All memory.")]


class DeviceCondition(TypedDict):
    """A condition of an allocated device, as its driver writes it into the claim's status."""

    type: Annotated[str, Field(description="Its type.", examples=["Ready"])]
    status: Annotated[str, Field(description="True, False or Unknown.", examples=["True"])]
    reason: Annotated[str, Field(description="The driver's reason; may be empty.")]


class DeviceClaim(TypedDict):
    """A ResourceClaim that holds a device, or a share of it."""

    namespace: Annotated[str, Field(description="The claim's namespace.")]
    resource_claim: Annotated[str, Field(description="The claim's name.")]
    request: Annotated[str, Field(description="The request in the claim that the device is for.")]
    share_id: Annotated[str | None, Field(description="The share that it holds; null for the whole device.")]
    consumed: Annotated[
        dict[str, str],
        Field(description="The capacity of the device that its share consumes, as quantities."),
    ]
    total_pods: Annotated[Count, Field(description="The pods that it is reserved for.")]
    pods: Annotated[list[str], Field(description="The first 8 of them by name, in the claim's namespace.")]
    without_pod: Annotated[
        Literal["UNRESERVED", "PODS_GONE"] | None,
        Field(
            description="Why no pod has the device. UNRESERVED: the claim is reserved for nobody. PODS_GONE: "
            "it is reserved for pods that are gone or have ended."
        ),
    ]
    allocated_at: Annotated[
        Timestamp | None,
        Field(description="The claim's allocation; null if its status doesn't have the time."),
    ]
    health: Annotated[
        Literal["Healthy", "Unhealthy", "Unknown"],
        Field(description="The worst health of the device in its pods' allocatedResourcesStatus."),
    ]
    conditions: Annotated[
        list[DeviceCondition],
        Field(description="The first 8 conditions of the device in the claim's status."),
    ]
    waits_for: Annotated[
        list[str], Field(description="The binding conditions of the device that aren't true yet.")
    ]
    failed: Annotated[
        list[str], Field(description="The binding failure conditions of the device that are true.")
    ]


class DraDevice(TypedDict):
    """A device of a pool: a GPU or a part of one."""

    device: Annotated[str, Field(description="Its name in the pool.")]
    type: Annotated[str | None, Field(description="Its type, as the driver names it.", examples=["mig"])]
    profile: Annotated[str | None, Field(description="The profile of a partition.", examples=["1g.10gb"])]
    uuid: Annotated[str | None, Field(description="Its UUID; null if the driver doesn't name it.")]
    memory_bytes: Annotated[int | None, Field(description="Its memory; null if the driver doesn't name it.")]
    driver_version: Annotated[
        str | None,
        Field(description="The version of the kernel driver; null if not named.", examples=["580.159.4"]),
    ]
    nvlink_clique: Annotated[
        str | None,
        Field(description="Its NVLink clique, whose devices reach each other by NVLink; null if not named."),
    ]
    numa_node: Annotated[int | None, Field(description="Its NUMA node; null if not named.", examples=[0])]
    taints: Annotated[list[str], Field(description="Its taints, those of DeviceTaintRules included.")]
    taint_rules: Annotated[list[str], Field(description="The DeviceTaintRules that taint it.")]
    capacity_left: Annotated[
        dict[str, float],
        Field(
            description="The capacity that claims leave, if several claims can share the device; otherwise "
            "empty."
        ),
    ]
    claims: Annotated[list[DeviceClaim], Field(description="The claims that hold it.")]


class DraGpu(TypedDict):
    """A GPU as a DRA driver offers it."""

    driver: Annotated[str, Field(description="The driver.", examples=["gpu.nvidia.com"])]
    pool: Annotated[str, Field(description="The driver's pool.", examples=["gpu-node-1"])]
    name: Annotated[str, Field(description="Its counter set, or else its first device.", examples=["gpu-0"])]
    state: Annotated[
        Literal["allocated", "unhealthy", "unavailable", "available", "unknown"],
        Field(
            description="allocated: a claim holds it or a part of it. unhealthy: all its devices are "
            "tainted. unknown: its pool can't be counted."
        ),
    ]
    reason: Annotated[
        str | None,
        Field(
            description="Why a part of it is unknown: SLICE_GONE if no ResourceSlice has it, or the reason "
            "of its pool in problem_pools of the status."
        ),
    ]
    pci_bus_id: Annotated[
        str | None, Field(description="Its PCI address; null if the driver doesn't name it.")
    ]
    largest_partition_left: Annotated[
        str | None,
        Field(
            description="The largest device that can still be allocated; null if none can, or without "
            "shared counters."
        ),
    ]
    total_devices: Annotated[Count, Field(description="The devices that are the GPU or parts of it.")]
    devices: Annotated[list[DraDevice], Field(description="The first 64 of them, those that are held first.")]


class NoNodeGpu(DraGpu):
    """A GPU that belongs to no single node, and that claims hold."""

    uuid: Annotated[str | None, Field(description="Its UUID; null if the driver doesn't name it.")]
    product: Annotated[str | None, Field(description="Its product; null if the driver doesn't name it.")]
    memory_bytes: Annotated[int | None, Field(description="Its memory; null if the driver doesn't name it.")]


class Gpu(TypedDict):
    """A physical GPU, as the node's agent or exporter, DRA, or its pods' statuses report it."""

    source: Annotated[
        Literal["agent", "dcgm", "amd", "pods", "dra"],
        Field(
            description="The source of the data. pods: allocatedResourcesStatus, of allocated GPUs only. "
            "dra: ResourceSlices and ResourceClaims."
        ),
    ]
    index: Annotated[int | None, Field(description="The driver's index; null if source is pods or dra.")]
    uuid: Annotated[str | None, Field(description="The driver's UUID; null if it is unknown.")]
    product: Annotated[str | None, Field(description="The driver's name of the product.")]
    state: Annotated[
        Literal["allocated", "unhealthy", "unavailable", "available", "unknown"],
        Field(
            description="allocated: to at least one container or ResourceClaim. unhealthy: health is "
            "critical or lost, or all its devices are tainted. unavailable: the node accepts no GPU pods. "
            "unknown: its DRA pool can't be counted."
        ),
    ]
    holders: Annotated[list[GpuHolder], Field(description="The containers that it is allocated to.")]
    utilization: Annotated[float | None, Field(description="Utilization in percent.")]
    memory_used_bytes: Annotated[int | None, Field(description="Memory in use.")]
    memory_total_bytes: Annotated[int | None, Field(description="All memory.")]
    temperature_celsius: Annotated[float | None, Field(description="Temperature of the GPU core.")]
    power_watts: Annotated[float | None, Field(description="Power draw.")]
    health: Annotated[
        Literal["ok", "warning", "critical", "lost", "unknown"],
        Field(description="critical: it needs a reset or a repair. lost: the driver has no answer of it."),
    ]
    health_because: Annotated[list[str], Field(description="The reasons for a health other than ok.")]
    recovery_action: Annotated[
        str | None, Field(description="The recovery action that NVIDIA's driver recommends, or NONE.")
    ]
    instances: Annotated[list[GpuInstance], Field(description="Its MIG instances; empty without MIG.")]
    sampled_at: Annotated[Timestamp, Field(description="The time of the sample.")]
    reasons: Annotated[dict[str, str], Field(description="The reason for each null value, by field name.")]
    dra: NotRequired[
        Annotated[DraGpu, Field(description="What DRA says of it; absent for a GPU that no driver offers.")]
    ]


class NodeTelemetry(TypedDict):
    """The source and age of a node's GPU data."""

    source: Annotated[
        Literal["agent", "dcgm", "amd"],
        Field(description="What is read: the node agent, dcgm-exporter or the AMD exporter."),
    ]
    state: Annotated[
        Literal["ok", "stale", "unknown"], Field(description="The freshness, by the age of the last sample.")
    ]
    problem: Annotated[str | None, Field(description="The current problem with the source, or null.")]
    sampled_at: Annotated[
        Timestamp | None, Field(description="The time of the last sample; null without any.")
    ]


class NodeDetail(TypedDict):
    """A node and each of its GPUs."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    node: Annotated[Node, Field(description="The node, as in status.")]
    telemetry: Annotated[
        NodeTelemetry | None,
        Field(description="The source of the GPU data; null without an agent or exporter."),
    ]
    gpus: Annotated[
        list[Gpu], Field(description="Its GPUs by index, or else by UUID; empty if nothing reports them.")
    ]


class Alert(TypedDict):
    """A condition that needs attention and has lasted for a while."""

    id: Annotated[
        str, Field(description="Stays the same while the alert lasts, and is the same on every replica.")
    ]
    severity: Annotated[
        Severity,
        Field(description="critical: something is out of service. warning: something needs attention."),
    ]
    type: Annotated[
        str, Field(description="The type; docs/monitoring.md has all of them.", examples=["GpuLost"])
    ]
    message: Annotated[str, Field(description="What is wrong, for people.")]
    timestamp: Annotated[Timestamp, Field(description="The time since when the condition has lasted.")]
    source: Annotated[
        str,
        Field(
            description="The object that has the condition.",
            examples=["GPU/gpu-node-1/GPU-8a6f", "Pod/ml-team/train-0"],
        ),
    ]
    namespace: Annotated[
        str | None, Field(description="The source's namespace; null for a source without one.")
    ]
    node: Annotated[
        str | None,
        Field(description="The node that has it, or whose GPUs it is about; null for none or many."),
    ]
    gpu_uuid: Annotated[
        str | None, Field(description="The GPU's UUID; null for another source, and for a GPU without one.")
    ]
    gpu_index: Annotated[int | None, Field(description="The GPU's index; null for another source.")]
    pod: Annotated[str | None, Field(description="The pod's name; null for another source.")]
    action: Annotated[str, Field(description="The recommended action.")]


class Event(TypedDict):
    """An event in the cluster."""

    timestamp: Annotated[Timestamp, Field(description="The time at which it was observed.")]
    type: Annotated[EventType, Field(description="The type; Kubernetes for an Event of the apiserver.")]
    object: Annotated[
        str,
        Field(
            description="The object that the event is about.",
            examples=["Pod/ml-team/train-0", "Node/gpu-node-1"],
        ),
    ]
    message: Annotated[str, Field(description="What happened, for people.")]
    namespace: Annotated[
        str | None, Field(description="The object's namespace; null for an object without one.")
    ]
    source: Annotated[
        str,
        Field(
            description="The reporter: lens, or the component that created the Kubernetes Event.",
            examples=["lens", "kubelet", "default-scheduler"],
        ),
    ]
    reason: Annotated[
        str | None,
        Field(
            description="The Kubernetes Event's reason; null if the source is lens.",
            examples=["FailedScheduling"],
        ),
    ]


class Pending(TypedDict):
    """GPU requests that aren't scheduled yet."""

    pods: Annotated[Count, Field(description="Pods that request GPUs and aren't bound to a node.")]
    gpus: Annotated[Count, Field(description="GPUs, or units of shared GPUs, that these pods request.")]
    gated_pods: Annotated[Count, Field(description="Those of these pods that have scheduling gates.")]


class FitRecord(TypedDict):
    """How often the scheduler and Lens agreed about pending pods."""

    right: Annotated[Count, Field(description="Pods that were bound or refused in agreement with Lens.")]
    wrong: Annotated[Count, Field(description="Pods about which the scheduler and Lens disagreed.")]
    abstained: Annotated[
        Count,
        Field(
            description="Decisions that can't be compared: Lens' answer isn't complete, or the cluster "
            "changed at that time."
        ),
    ]
    since: Annotated[Timestamp, Field(description="When counting began: at Lens' start.")]


class Namespace(TypedDict):
    """A namespace that holds GPUs, or waits for some."""

    namespace: Annotated[str, Field(description="The namespace.")]
    allocated_gpus: Annotated[
        Count,
        Field(
            description="GPUs that its pods and claims hold. A GPU that two namespaces share counts for both."
        ),
    ]
    busy_gpus: Annotated[
        Count, Field(description="Those of running pods above LENS_ALERT_IDLE_PERCENT of utilization.")
    ]
    idle_gpus: Annotated[Count, Field(description="Those of running pods at or below it.")]
    unmeasured_gpus: Annotated[
        Count, Field(description="The others: of pods that aren't running or aren't measured, and of no pod.")
    ]
    utilization: Annotated[
        float | None,
        Field(
            ge=0,
            le=100,
            description="The mean utilization in percent of busy and idle GPUs; null without any.",
        ),
    ]
    idle_gpu_seconds: Annotated[
        Count,
        Field(
            description="The sum over pods that are idle now: the pod's GPUs times the seconds that it has "
            "been idle, since this Lens first saw it."
        ),
    ]
    running_tasks: Annotated[Count, Field(description="Its running pods with GPUs.")]
    pending_pods: Annotated[Count, Field(description="Its pods that request GPUs and aren't bound.")]
    pending_gpus: Annotated[
        Count, Field(description="The GPUs, or units of shared ones, that these request.")
    ]


class Status(TypedDict):
    """A cluster's GPU figures at one time."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    current_gpu_usage: Annotated[GpuUsage, Field(description="Total, allocated and utilized GPUs.")]
    running_tasks: Annotated[Count, Field(description="Pods in phase Running that hold at least one GPU.")]
    available_resources: Annotated[
        AvailableResources, Field(description="What the scheduler can allocate now.")
    ]
    pending: Annotated[Pending, Field(description="What isn't scheduled yet.")]
    freshness: Annotated[Freshness, Field(description="The age of the figures.")]
    telemetry: Annotated[Telemetry, Field(description="The GPUs' utilization.")]
    gpu_states: Annotated[GpuStates, Field(description="GPUs by state.")]
    products: Annotated[
        list[Product],
        Field(
            description="GPUs by product, those with the most GPUs first; all entries add up to gpu_states."
        ),
    ]
    gpu_nodes: Annotated[GpuNodes, Field(description="Nodes by the use of their GPUs.")]
    dra: Annotated[
        Dra, Field(description="Dynamic resource allocation: pools with problems, and GPUs of no node.")
    ]
    units: Annotated[list[NodeResource], Field(description=_UNITS)]
    approximate: Annotated[bool, Field(description=_APPROXIMATE)]
    fit_record: Annotated[
        FitRecord | None,
        Field(description="How often Lens was right about pending pods; null before the first comparison."),
    ]
    nodes: NotRequired[Annotated[list[Node], Field(description="The nodes by name; with include=nodes.")]]
    no_node_gpus: NotRequired[
        Annotated[
            list[NoNodeGpu],
            Field(
                description="The GPUs of no node that ResourceClaims hold, by driver and pool; with "
                "include=no_node. If a namespace is given: only those that its claims hold, with these "
                "claims alone."
            ),
        ]
    ]
    namespaces: NotRequired[
        Annotated[
            list[Namespace],
            Field(description="The namespaces, those with the most GPUs first; with include=namespaces."),
        ]
    ]
    alerts: NotRequired[
        Annotated[
            list[Alert], Field(description="The alerts, critical first, then newest; with include=alerts.")
        ]
    ]
    recent_events: NotRequired[
        Annotated[list[Event], Field(description="The events, newest first; with include=events.")]
    ]


class Fraction(TypedDict):
    """The part of GPUs that a pod asks KAI-Scheduler for, by annotations."""

    portion: Annotated[float | None, Field(description="The part of each GPU; null if it isn't given.")]
    memory_mib: Annotated[
        int | None, Field(description="The memory of each GPU, in MiB; null if it isn't given.")
    ]
    devices: Annotated[Count, Field(description="The number of GPUs.")]
    gpu_groups: Annotated[list[str], Field(description="The GPU groups that the pod is in.")]
    reservations: Annotated[
        list[str], Field(description="The reservation pods that hold its GPUs, as namespace/name.")
    ]
    reason: Annotated[
        Literal["NO_RESERVATION", "MALFORMED"] | None,
        Field(
            description="What is wrong. NO_RESERVATION: no reservation pod of its groups is on its node. "
            "MALFORMED: an annotation has a value that KAI-Scheduler refuses."
        ),
    ]


_UTILIZATION_REASON = (
    "The reason why utilization is null: NO_TELEMETRY if no agent or exporter reports GPUs of its node, "
    "UNKNOWN_DEVICES if nothing tells which of them are its, SHARED, or the reason of one of its GPUs."
)
_FRACTION = "The part of GPUs that it asks KAI-Scheduler for; absent for other pods."


class ClaimedDevice(TypedDict):
    """A device that a ResourceClaim holds for a pod."""

    request: Annotated[str, Field(description="The request in the claim.", examples=["gpus"])]
    driver: Annotated[str, Field(description="The DRA driver.", examples=["gpu.nvidia.com"])]
    pool: Annotated[str, Field(description="The driver's pool.", examples=["gpu-node-1"])]
    device: Annotated[str, Field(description="Its name in the pool.", examples=["gpu-0"])]
    share_id: Annotated[
        str | None, Field(description="The share of a device that several claims hold; null for all of it.")
    ]
    product: Annotated[str | None, Field(description="Its GPU's product, as the driver names it.")]
    uuid: Annotated[str | None, Field(description="Its UUID, as the driver names it.")]
    gpu_uuid: Annotated[str | None, Field(description="The UUID of its GPU, the first one of several.")]
    reason: Annotated[
        Literal["SLICE_GONE", "NOT_REPORTED"] | None,
        Field(
            description="Why product or a UUID is null. SLICE_GONE: no ResourceSlice has the device. "
            "NOT_REPORTED: its driver doesn't say."
        ),
    ]


ClaimReason = Literal[
    "NOT_CREATED",
    "NOT_FOUND",
    "NOT_ALLOCATED",
    "NO_DEVICE_CLASS",
    "TERMINATING",
    "NOT_RESERVED",
    "BINDING_CONDITIONS",
    "BINDING_FAILED",
]


class Claim(TypedDict):
    """A ResourceClaim of GPUs that a pod names."""

    name: Annotated[
        str | None,
        Field(description="Its name in the pod; null for the claim of the pod's extended resources."),
    ]
    resource_claim: Annotated[
        str | None, Field(description="The ResourceClaim in the pod's namespace; null until it is created.")
    ]
    ready: Annotated[bool, Field(description="Whether the pod can use its devices.")]
    reason: Annotated[
        ClaimReason | None,
        Field(
            description="Why it isn't ready. NOT_CREATED: no ResourceClaim was made of the template yet. "
            "NOT_FOUND: the ResourceClaim doesn't exist. NOT_ALLOCATED: the scheduler has allocated nothing. "
            "NO_DEVICE_CLASS: nor does a DeviceClass of waits_for exist. TERMINATING: it is being deleted, "
            "and no pod gets it any more. NOT_RESERVED: it is allocated, and not reserved for this pod. "
            "BINDING_CONDITIONS: it is allocated, and a device waits for conditions. BINDING_FAILED: a "
            "binding failure condition of a device is true."
        ),
    ]
    waits_for: Annotated[
        list[str],
        Field(
            description="The DeviceClasses that it asks for while it isn't allocated; those that don't exist "
            "for NO_DEVICE_CLASS; the types of the conditions for BINDING_CONDITIONS and BINDING_FAILED."
        ),
    ]
    gpus: Annotated[
        Count | None,
        Field(
            description="The GPUs that its devices are, or are parts of; or the devices that it asks for. "
            "Null while reason says that this is unknown, and if it asks for all that there are."
        ),
    ]
    devices: Annotated[list[ClaimedDevice], Field(description="The devices that it holds for the pod.")]


_CLAIMS = "Its ResourceClaims of GPUs, in the pod's order; absent without any."


class Task(TypedDict):
    """A pod that holds GPUs."""

    pod_uid: Annotated[str, Field(description="The pod's uid.")]
    pod_name: Annotated[str, Field(description="The pod's name.")]
    namespace: Annotated[str, Field(description="The pod's namespace.")]
    workload_type: Annotated[str, Field(description="The kind of the topmost known owner, or Pod.")]
    workload_name: Annotated[str, Field(description="The name of the topmost known owner, or of the pod.")]
    workload_reason: Annotated[
        Reason | None,
        Field(description="Why the topmost known owner may not be the top one; null if it is."),
    ]
    node_name: Annotated[str, Field(description="The node that it is bound to.")]
    allocated_gpus: Annotated[Count, Field(description="GPUs that are allocated to it, in whole or in part.")]
    running_time_seconds: Annotated[
        Count, Field(description="Seconds from started_at to the time of the response.")
    ]
    started_at: Annotated[
        Timestamp | None, Field(description="The time at which the pod started; null before that.")
    ]
    owner: Annotated[
        str | None, Field(description="The name of the pod's controller; null for a pod without one.")
    ]
    resources: Annotated[dict[str, Count], Field(description="Units that are allocated to it, by resource.")]
    units: NotRequired[
        Annotated[
            dict[str, Count],
            Field(description="The resources whose units are parts of GPUs; absent without such resources."),
        ]
    ]
    approximate: NotRequired[
        Annotated[
            bool, Field(description="Whether allocated_gpus is a lower bound; present only with units.")
        ]
    ]
    claims: NotRequired[Annotated[list[Claim], Field(description=_CLAIMS)]]
    fraction: NotRequired[Annotated[Fraction, Field(description=_FRACTION)]]
    phase: Annotated[str, Field(description="The pod's phase: Running, Pending while it starts, or Unknown.")]
    terminating: Annotated[bool, Field(description="Whether it is being deleted.")]
    utilization: Annotated[float | None, Field(description="Mean utilization of its devices, in percent.")]
    memory_used_bytes: Annotated[int | None, Field(description="Memory used on all its devices.")]
    gpu_uuids: Annotated[list[str] | None, Field(description="The UUIDs of its physical GPUs.")]
    utilization_reason: Annotated[str | None, Field(description=_UTILIZATION_REASON)]


_Page = TypedDict(
    "_Page",
    {
        "continue": Annotated[
            str | None,
            Field(
                description="The token of the next page, for the parameter continue; null on the last page."
            ),
        ]
    },
)


class RunningTasks(_Page):
    """A page of tasks."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    total_tasks: Annotated[Count, Field(description="The number of matching pods on all pages.")]
    tasks: Annotated[list[Task], Field(description="The pods of this page.")]


class Nodes(_Page):
    """A page of nodes."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    total_nodes: Annotated[Count, Field(description="The number of matching nodes on all pages.")]
    nodes: Annotated[list[Node], Field(description="The nodes of this page, as in status.")]


PendingState = Literal["gated", "unschedulable", "waiting"]


NoFitReason = Literal["TOO_MANY_SHAPES", "OUT_OF_TIME", "UNREADABLE"]


class FitReason(TypedDict):
    """Why a number of nodes can't take the next pod."""

    code: Annotated[
        str,
        Field(description="What is wrong, such as insufficient, taint, node_selector, unschedulable, quota."),
    ]
    message: Annotated[str, Field(description="kube-scheduler's words, or the apiserver's.")]
    nodes: Annotated[Count, Field(description="The number of nodes.")]
    resource: Annotated[str | None, Field(description="The resource that is short; null if none is.")]
    asked: Annotated[
        int | None,
        Field(
            description="How much of it a pod requests: CPU in millicores, everything else in units (memory "
            "in bytes)."
        ),
    ]
    most_free: Annotated[
        int | None,
        Field(description="The most of it that one of these nodes has free."),
    ]
    short_by: Annotated[int | None, Field(description="How much is missing on the node with the most free.")]
    node_names: NotRequired[
        Annotated[
            list[str],
            Field(description="Some of the nodes; absent where placements are."),
        ]
    ]


class PendingFit(TypedDict):
    """Whether a pending pod would be scheduled now, by Lens' own calculation."""

    fits: Annotated[
        Literal["yes", "no", "unknown"],
        Field(
            description="Whether a node can take the pod now. unknown: something that isn't checked decides."
        ),
    ]
    reason: Annotated[
        str,
        Field(
            description="What is short and on how many nodes, in plain words. Nodes are only named in lists "
            "of all namespaces.",
            examples=["12 nodes: needs 8 nvidia.com/gpu on one node; most free is 3, on gpu-node-6"],
        ),
    ]
    reasons: Annotated[
        list[FitReason],
        Field(
            description="What keeps the pod off nodes; empty if a node can take it. node_names has the node "
            "with the most left of the resource."
        ),
    ]
    complete: Annotated[
        bool, Field(description="Whether nothing that isn't checked can change this; not_checked names it.")
    ]
    not_checked: Annotated[list[str], Field(description="What may affect the answer and isn't checked.")]


class PodFit(TypedDict):
    """What Lens itself says of a pending pod."""

    fit: Annotated[
        PendingFit | None,
        Field(description="Whether the pod would be scheduled now, and what is short; null if unknown."),
    ]
    fit_reason: Annotated[
        NoFitReason | None,
        Field(
            description="Why fit is null: the pending pods are of too many shapes (TOO_MANY_SHAPES), it took "
            "too long, and the next answer may have it (OUT_OF_TIME), or something in the pod can't be read "
            "(UNREADABLE). null if fit isn't."
        ),
    ]


class WaitingTask(TypedDict):
    """A pod that requests GPUs and isn't bound to a node."""

    pod_uid: Annotated[str, Field(description="The pod's uid.")]
    pod_name: Annotated[str, Field(description="The pod's name.")]
    namespace: Annotated[str, Field(description="The pod's namespace.")]
    workload_type: Annotated[str, Field(description="The kind of the topmost known owner, or Pod.")]
    workload_name: Annotated[str, Field(description="The name of the topmost known owner, or of the pod.")]
    workload_reason: Annotated[
        Reason | None,
        Field(description="Why the topmost known owner may not be the top one; null if it is."),
    ]
    owner: Annotated[
        str | None, Field(description="The name of the pod's controller; null for a pod without one.")
    ]
    requested_gpus: Annotated[Count, Field(description="GPUs, or units of shared GPUs, that it requests.")]
    resources: Annotated[dict[str, Count], Field(description="Units that it requests, by resource.")]
    fraction: NotRequired[Annotated[Fraction, Field(description=_FRACTION)]]
    created_at: Annotated[Timestamp | None, Field(description="The pod's creation.")]
    waiting_seconds: Annotated[
        Count, Field(description="Seconds from created_at to the time of the response.")
    ]
    priority: Annotated[int, Field(description="The pod's priority.")]
    state: Annotated[
        PendingState,
        Field(
            description="gated: it has scheduling gates; the scheduler ignores it until they are removed. "
            "unschedulable: the scheduler found no node that fits. waiting: the scheduler has reported "
            "nothing yet."
        ),
    ]
    scheduling_gates: Annotated[list[str], Field(description="The names of its scheduling gates.")]
    reason: Annotated[
        str | None, Field(description="The reason of the PodScheduled condition, which the scheduler sets.")
    ]
    message: Annotated[
        str | None, Field(description="The scheduler's message in the PodScheduled condition.")
    ]
    claims: NotRequired[Annotated[list[Claim], Field(description=_CLAIMS)]]
    node_selector: Annotated[dict[str, str], Field(description="The pod's node selector.")]
    affinity: Annotated[bool, Field(description="Whether it has node, pod or pod anti-affinity.")]
    tolerations: Annotated[
        list[str],
        Field(description="The pod's tolerations.", examples=[["nvidia.com/gpu:NoSchedule op=Exists"]]),
    ]
    omitted: NotRequired[
        Annotated[
            dict[str, Count],
            Field(
                description="The number of entries that are left out of scheduling_gates, node_selector and "
                "tolerations, by field. Absent if none are left out."
            ),
        ]
    ]
    terminating: Annotated[bool, Field(description="Whether it is being deleted.")]


class PendingTask(WaitingTask, PodFit):
    """A pod that requests GPUs and isn't bound to a node, with Lens' own answer whether it fits."""


class PendingTasks(_Page):
    """A page of pending pods."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    total_tasks: Annotated[Count, Field(description="The number of matching pods on all pages.")]
    tasks: Annotated[list[PendingTask], Field(description="The pods of this page.")]


class FitCaseFile(TypedDict):
    """A case file: ``make oracle ARGS=FILE`` asks the fit engine and kube-scheduler's own code about it."""

    differences: Annotated[list[str], Field(description="What Lens and the scheduler said.")]
    fleet: Annotated[
        dict[str, list[dict[str, Any]]],
        Field(
            description="The objects: namespaces, nodes, the pods on them, and in asked the pod, each with "
            "what affects the answer. For a pod that asks for devices also resourceClaims, "
            "resourceSlices, deviceClasses and deviceTaintRules."
        ),
    ]


class FitCase(TypedDict):
    """A pending pod about which Lens and the scheduler disagreed."""

    timestamp: Annotated[Timestamp, Field(description="When Lens saw what the scheduler had done.")]
    namespace: Annotated[str | None, Field(description="The pod's namespace; null if anonymous.")]
    pod_name: Annotated[str | None, Field(description="The pod's name; null if anonymous.")]
    said: Annotated[Literal["yes", "no"], Field(description="Whether the pod fitted, by Lens' rules.")]
    because: Annotated[
        str | None, Field(description="Why it didn't fit, by Lens' rules; null if it did, or if anonymous.")
    ]
    node_name: Annotated[
        str | None,
        Field(description="The node that it was bound to; null if it was refused, or if anonymous."),
    ]
    message: Annotated[
        str | None,
        Field(description="The scheduler's refusal; null if it was bound, or if anonymous."),
    ]
    omitted_nodes: Annotated[
        Count, Field(description="Nodes that affect the answer and are left out to bound the case's size.")
    ]
    file: Annotated[FitCaseFile, Field(description="The case as a file.")]


class FitRecordDetail(TypedDict):
    """How often Lens was right about pending pods, and where it was wrong."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    fit_record: Annotated[
        FitRecord | None, Field(description="The figures; null before the first comparison.")
    ]
    abstained: Annotated[
        dict[str, Count],
        Field(
            description="Decisions that can't be compared, by the reason: not_checked of the answer, or "
            "busy, changed, deleted, gated, listed, preemption, raced."
        ),
    ]
    cases: Annotated[list[FitCase], Field(description="The latest that were wrong, newest first.")]


class FitPlacement(TypedDict):
    """Pods on a node."""

    node_name: Annotated[str, Field(description="The node.")]
    replicas: Annotated[Count, Field(description="How many pods it would get.")]
    devices: Annotated[
        list[str],
        Field(
            description="The devices that their ResourceClaims would get, as driver/pool/device; of many the "
            "first. Empty for pods without claims."
        ),
    ]


class FitPods(TypedDict):
    """The pods of one template."""

    name: Annotated[
        str, Field(description="The kind of the workload, and the name of its part that has the template.")
    ]
    fits: Annotated[Literal["yes", "no", "unknown"], Field(description="Whether all of these fit.")]
    replicas: Annotated[Count, Field(description="How many pods there are.")]
    placed: Annotated[Count, Field(description="How many of them nodes can take.")]
    placements: NotRequired[
        Annotated[
            list[FitPlacement],
            Field(
                description="Where they would go; kube-scheduler may choose other nodes. Absent for callers "
                "that see neither the whole cluster nor its capacity."
            ),
        ]
    ]
    reasons: Annotated[
        list[FitReason],
        Field(description="What keeps the first pod that doesn't fit off nodes; if all fit, the first pod."),
    ]
    message: Annotated[
        str | None,
        Field(description="What kube-scheduler would write into the pod's condition; null if all fit."),
    ]


class FitQuotaUse(TypedDict):
    """One limit of a ResourceQuota."""

    quota: Annotated[str, Field(description="The ResourceQuota's name.")]
    resource: Annotated[str, Field(description="The resource, as the quota names it.")]
    hard: Annotated[float, Field(description="The quota's limit.")]
    used: Annotated[float, Field(description="What the namespace uses now.")]
    asked: Annotated[float, Field(description="What the pods would add.")]
    exceeded: Annotated[bool, Field(description="Whether used and asked together exceed hard.")]


class FitAlternative(TypedDict):
    """What would fit: the same question with one change."""

    change: Annotated[
        Literal["gpus", "replicas", "product", "device_class", "devices", "selector", "toleration"],
        Field(
            description="What is changed. selector: without node selectors and node affinity. devices: fewer "
            "devices of a claim's request. product: for claims it replaces the request's "
            "selectors. With several requests the value begins with claim/request=."
        ),
    ]
    value: Annotated[str, Field(description="What it is changed to.")]
    gpus: Annotated[int | None, Field(description="The GPUs of each pod; null for a pod without GPUs.")]
    replicas: Annotated[Count, Field(description="The number of pods.")]


class FitEvictable(TypedDict):
    """The pods of a lower priority that hold GPUs of the requested kind."""

    gpus: Annotated[Count, Field(description="The GPUs, or units of shared GPUs, that they hold.")]
    pods: Annotated[Count, Field(description="The number of pods.")]
    fits: Annotated[
        Literal["yes", "no", "unknown"], Field(description="Whether all would fit without these pods.")
    ]
    protected_pods: Annotated[
        Count | None,
        Field(
            description="How many of these pods PodDisruptionBudgets don't allow to be evicted together "
            "with the others; null if the budgets aren't known."
        ),
    ]
    fits_within_budgets: Annotated[
        Literal["yes", "no", "unknown"] | None,
        Field(
            description="Whether all would fit if no pod is evicted against a budget; null if the budgets "
            "aren't known. unknown: another choice of pods within the same budgets may matter."
        ),
    ]
    namespaces: NotRequired[
        Annotated[
            dict[str, Count],
            Field(
                description="Their GPUs by namespace, those with the most; absent for callers that may not "
                "see the whole cluster."
            ),
        ]
    ]


class Fit(TypedDict):
    """Whether pods would be scheduled now."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    age_seconds: Annotated[Seconds, Field(description="The seconds since then.")]
    fits: Annotated[
        Literal["yes", "no", "unknown"],
        Field(
            description="yes: all pods fit. no: at least one doesn't. unknown: something that isn't checked "
            "decides."
        ),
    ]
    complete: Annotated[
        bool, Field(description="Whether nothing that isn't checked can change this; not_checked names it.")
    ]
    not_checked: Annotated[list[str], Field(description="What may affect the answer and isn't checked.")]
    replicas: Annotated[Count, Field(description="How many pods are asked about.")]
    placed: Annotated[Count, Field(description="How many of them fit.")]
    max_replicas: Annotated[
        int | None,
        Field(
            description="How many would fit if as many were asked about; null if that isn't counted, and for "
            "workloads with several pod templates."
        ),
    ]
    resource: Annotated[
        str | None,
        Field(description="The resource that a GET's pods request; null for a POST and a DeviceClass."),
    ]
    device_class: Annotated[
        str | None,
        Field(
            description="The DeviceClass of which a GET's pods claim devices; null for a resource, and "
            "for a caller without a right to the whole cluster who hasn't named it."
        ),
    ]
    pods: Annotated[list[FitPods], Field(description="The pods by template, in the order of placement.")]
    quota: Annotated[
        list[FitQuotaUse] | None,
        Field(description="The limits that the pods count against; null without a namespace, or if unknown."),
    ]
    nearest: Annotated[
        list[FitAlternative],
        Field(description="What would fit instead; empty if all fit, or nothing is found."),
    ]
    evictable: Annotated[
        FitEvictable | None,
        Field(description="What pods of a lower priority hold; null if all pods fit, and if there are none."),
    ]


ClusterState = Annotated[
    Literal["ok", "stale", "syncing", "unreachable"],
    Field(
        description="stale: its data is older than /readyz allows. syncing: resources aren't all listed. "
        "unreachable: its Lens gave no usable response."
    ),
]
UnreachableReason = Annotated[
    Literal["TIMEOUT", "FORBIDDEN", "FAILED"],
    Field(description="Why it is unreachable. FORBIDDEN: its Lens responded with 401 or 403."),
]


class ClusterTotals(TypedDict):
    """A cluster's main figures."""

    total_gpus: Annotated[Count, Field(description="All GPUs, in any state.")]
    allocated_gpus: Annotated[Count, Field(description="GPUs that pods or ResourceClaims hold.")]
    available_gpus: Annotated[Count, Field(description="Free GPUs on nodes that accept GPU pods.")]
    running_tasks: Annotated[Count, Field(description="Pods in phase Running that hold at least one GPU.")]


class Cluster(TypedDict):
    """A cluster that this Lens knows."""

    name: Annotated[str, Field(description="Its name, as in the parameter cluster.")]
    local: Annotated[
        bool, Field(description="Whether this Lens watches it; other clusters have a Lens of their own.")
    ]
    status: ClusterState
    age_seconds: Annotated[
        Seconds | None,
        Field(description="Seconds since its figures were last known to be current; null if there are none."),
    ]
    totals: Annotated[
        ClusterTotals | None, Field(description="Its figures; null while it is syncing or unreachable.")
    ]
    reason: NotRequired[UnreachableReason]


class Clusters(TypedDict):
    """All clusters that this Lens knows."""

    clusters: Annotated[
        list[Cluster], Field(description="The cluster that this Lens watches, then the others.")
    ]


class ClusterSummary(TypedDict):
    """A cluster's figures, null while it is syncing or unreachable."""

    name: Annotated[str, Field(description="Its name, as in the parameter cluster.")]
    local: Annotated[
        bool, Field(description="Whether this Lens watches it; other clusters have a Lens of their own.")
    ]
    status: ClusterState
    age_seconds: Annotated[
        Seconds | None,
        Field(description="Seconds since its figures were last known to be current; null if there are none."),
    ]
    current_gpu_usage: Annotated[GpuUsage | None, Field(description="As in its status.")]
    running_tasks: Annotated[Count | None, Field(description="As in its status.")]
    available_resources: Annotated[AvailableResources | None, Field(description="As in its status.")]
    products: Annotated[list[Product] | None, Field(description="As in its status.")]
    gpu_nodes: Annotated[GpuNodes | None, Field(description="As in its status.")]
    reasons: Annotated[
        dict[str, str],
        Field(
            description="Why products and gpu_nodes are null beside known figures, by field: NOT_REPORTED by "
            "the cluster's Lens, which is older."
        ),
    ]
    reason: NotRequired[UnreachableReason]


class Summary(TypedDict):
    """The sums over all clusters with known figures."""

    timestamp: Annotated[
        Timestamp | None,
        Field(description="The time at which the oldest figures were last known to be current."),
    ]
    current_gpu_usage: Annotated[
        GpuUsage, Field(description="The sums of total, allocated and utilized GPUs.")
    ]
    running_tasks: Annotated[Count, Field(description="Pods in phase Running that hold at least one GPU.")]
    available_resources: Annotated[
        AvailableResources, Field(description="The sums; max_contiguous_gpu is the most of any cluster.")
    ]
    coverage: Annotated[float, Field(ge=0, le=1, description="The fraction of GPUs that report utilization.")]
    products: Annotated[
        list[Product],
        Field(description="GPUs by product; largest_block is the most on one node of any cluster."),
    ]
    gpu_nodes: Annotated[GpuNodes, Field(description="Nodes by the use of their GPUs.")]
    without_products: Annotated[
        list[str],
        Field(
            description="The clusters with known figures that aren't in products and gpu_nodes: their Lenses "
            "are older and don't report these."
        ),
    ]
    clusters: Annotated[
        list[ClusterSummary], Field(description="The clusters, those without figures included.")
    ]
    unreachable: Annotated[list[str], Field(description="The names of the clusters that are unreachable.")]


class NamespaceAccess(TypedDict):
    """What the caller sees by its permissions in one namespace, or in the whole cluster."""

    name: Annotated[str, Field(description="The namespace.")]
    tasks: Annotated[
        bool,
        Field(
            description="Whether the caller sees the namespace's running and pending pods, and may ask fit."
        ),
    ]
    capacity: Annotated[
        bool,
        Field(description="Whether the caller sees the cluster's capacity in requests with this namespace."),
    ]


class Access(TypedDict):
    """What the caller may see."""

    caller: Annotated[str, Field(description="The caller's name, as Lens' access log has it.")]
    cluster: Annotated[str, Field(description="The cluster: the parameter's, or the one that Lens watches.")]
    clusters: Annotated[
        list[str] | None,
        Field(description="All clusters that the caller may ask about; null if it may not list them."),
    ]
    realtime: Annotated[bool, Field(description="Whether the caller sees everything in the whole cluster.")]
    capacity: Annotated[
        bool,
        Field(
            description="Whether the caller sees the cluster's capacity: figures, products, nodes and fit, "
            "without names of pods and namespaces, alerts and events."
        ),
    ]
    namespace: Annotated[
        NamespaceAccess | None,
        Field(description="The permissions in the parameter's namespace; null without one."),
    ]
    namespaces: Annotated[
        list[str] | None,
        Field(
            description="The namespaces to which the token is restricted; null for none, and in mode "
            "kubernetes, where only a request with a namespace finds out."
        ),
    ]
    paths: Annotated[
        list[str] | None,
        Field(description="The endpoints to which the token is restricted; null for no restriction."),
    ]
    version: Annotated[str, Field(description="The version of this Lens.", examples=["0.1.0"])]
    page: Annotated[
        str,
        Field(description="The digest of this Lens' page, as the addresses of its files have it."),
    ]


class Health(TypedDict):
    """The result of a probe."""

    status: Annotated[Literal["ok"], Field(description="Always ok: an error has another HTTP status.")]
