"""Dynamic resource allocation: GPUs with their devices and claims, and pools that can't be counted."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.nodes import NodeResource
from lens.api.schemas.scalars import Count, Timestamp


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
            "tainted. unavailable: no GPU pod gets it, for its node or for the reason. unknown: its pool "
            "can't be counted."
        ),
    ]
    reason: Annotated[
        str | None,
        Field(
            description="Why a part of it is unknown: SLICE_GONE if no ResourceSlice has it, or the reason "
            "of its pool in problem_pools of the status. Or NO_COUNTERS_LEFT: nobody holds it, and the "
            "counters of its pool allow none of its devices. Or HELD_ELSEWHERE: another node has a device of "
            "the same pool and name, which is the same to kube-scheduler, and is held."
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
            "state. DUPLICATE_…: two devices or counter sets have one name; devices of two nodes count "
            "all the same. MISSING_…: a device draws on counters that don't exist. UNREADABLE: it is counted "
            "without a part that can't be read."
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
