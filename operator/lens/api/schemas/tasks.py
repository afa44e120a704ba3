"""Running pods that hold GPUs, with their claims and parts of GPUs."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from lens.api.schemas.envelope import Page
from lens.api.schemas.scalars import Count, Timestamp
from lens.model.inventory.owner_chains import Reason

_UTILIZATION_REASON = (
    "The reason why utilization is null: NO_TELEMETRY if no agent or exporter reports GPUs of its node, "
    "UNKNOWN_DEVICES if it is unknown which of them are its, SHARED, or the reason of one of its GPUs."
)
FRACTION = "The part of GPUs that it asks KAI-Scheduler for; absent for other pods."
CLAIMS = "Its ResourceClaims of GPUs, in the pod's order; absent without any."


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


class PodIdentity(TypedDict):
    """A pod's names, and the workload that it belongs to."""

    pod_uid: Annotated[str, Field(description="The pod's uid.")]
    pod_name: Annotated[str, Field(description="The pod's name.")]
    namespace: Annotated[str, Field(description="The pod's namespace.")]
    workload_type: Annotated[str, Field(description="The kind of the topmost known owner, or Pod.")]
    workload_name: Annotated[str, Field(description="The name of the topmost known owner, or of the pod.")]
    workload_reason: Annotated[
        Reason | None,
        Field(description="Why the topmost known owner may not be the top one; null if it is."),
    ]


class Task(PodIdentity):
    """A pod that holds GPUs."""

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
    claims: NotRequired[Annotated[list[Claim], Field(description=CLAIMS)]]
    fraction: NotRequired[Annotated[Fraction, Field(description=FRACTION)]]
    phase: Annotated[str, Field(description="The pod's phase: Running, Pending while it starts, or Unknown.")]
    terminating: Annotated[bool, Field(description="Whether it is being deleted.")]
    utilization: Annotated[float | None, Field(description="Mean utilization of its devices, in percent.")]
    memory_used_bytes: Annotated[int | None, Field(description="Memory used on all its devices.")]
    gpu_uuids: Annotated[list[str] | None, Field(description="The UUIDs of its physical GPUs.")]
    utilization_reason: Annotated[str | None, Field(description=_UTILIZATION_REASON)]


class RunningTasks(Page):
    """A page of tasks."""

    cluster: Annotated[str, Field(description="The cluster's name.")]
    timestamp: Annotated[
        Timestamp, Field(description="The time at which the figures were last known to be current.")
    ]
    total_tasks: Annotated[Count, Field(description="The number of matching pods on all pages.")]
    tasks: Annotated[list[Task], Field(description="The pods of this page.")]
