"""What a node agent answers on ``/v1/devices``: the node's GPUs, and who holds them.

The agent writes these and the operator reads them, so the bounds say what a reader accepts: a text or a
number beyond them is left out, and a list of what describes a GPU is cut. A value that can't be read is
None, and ``reasons`` has, under the field's name, why: NVML's error without its ``NVML_ERROR_``, NOT_YET
for a device that has not answered yet, or TIMEOUT for one that hangs. Every ``…_at`` is in seconds since
the epoch by the node's clock. Fields may be added; none is renamed or retyped.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from lens.model.gpu.xids import Severity

VERSION = 1

ROWS_PENDING = "row remapping pending"
ROWS_FAILED = "row remapping failed"
"""Two of the causes in ``Health.because``."""

NO_ACTION = "NONE"
"""The ``recovery_action`` of a GPU that needs none."""

MAX_TEXT = 512
"""Characters of any text."""

MAX_GPUS = 64
"""GPUs of a node."""

MAX_INSTANCES = 16
"""Of one GPU: MIG has 7 at most, AMD's partitions are 8."""

MAX_REASONS = 64
MAX_PROCESSES = 256
MAX_XIDS = 64
MAX_CAUSES = 72
MAX_CLOCK_EVENTS = 32
"""Of one GPU: what is over these is cut. Of causes a GPU has as many as XIDs, and a few more."""

MAX_HOLDERS = 2048
MAX_ALLOCATABLE = 4096
"""Of a node: holders, claimed devices, and allocatable device ids. What is over these is cut."""

MAX_SECONDS = 1e11
MAX_AMOUNT = 1e15
MAX_COUNT = 2**63 - 1
MAX_NUMBER = 2**32 - 1

Seconds = Annotated[float, Meta(ge=0, le=MAX_SECONDS)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Amount = Annotated[float, Meta(ge=0, le=MAX_AMOUNT)]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Number = Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Reasons = Annotated[dict[Text, Text], Meta(max_length=MAX_REASONS)]


class Driver(msgspec.Struct, frozen=True, gc=False):
    """The node's NVIDIA driver: ``absent`` is a node without one, ``failed`` one that can't be used now.

    ``reason`` says why it isn't ready. ``cuda_version`` is the newest CUDA that it runs, such as 13.0.
    """

    state: Literal["starting", "ready", "absent", "failed"]
    reason: Text | None = None
    version: Text | None = None
    cuda_version: Text | None = None


class Kubelet(msgspec.Struct, frozen=True, gc=False):
    """The result of the last request to the kubelet's PodResources API; ``listed_at`` is the last success."""

    state: Literal["starting", "ok", "missing", "unreachable", "slow", "failed"]
    reason: Text | None = None
    listed_at: Seconds | None = None


class Health(msgspec.Struct, frozen=True, gc=False):
    """A GPU's health, from all its values.

    ``lost`` has fallen off the bus, hangs, or has no readable value for a reason of its own; ``critical``
    needs to be recovered before it is used again; ``because`` names what it comes from.
    """

    state: Literal["ok", "warning", "critical", "lost", "unknown"]
    because: tuple[Text, ...] = ()


class RemappedRows(msgspec.Struct, frozen=True, gc=False):
    """Memory rows that were replaced by spare ones (or, if pending, will be at the next reset)."""

    correctable: Count
    uncorrectable: Count
    pending: bool
    failed: bool


class Xid(msgspec.Struct, frozen=True, gc=False):
    """An XID error that the driver has reported since ``Report.xids_since``.

    ``instance`` is the GPU instance that the last one was on, under MIG.
    """

    xid: Number
    severity: Severity
    meaning: Text
    count: Count
    first_at: Seconds
    last_at: Seconds
    instance: Number | None = None


class NvLinks(msgspec.Struct, frozen=True, gc=False):
    """How many NVLinks are up, and the numbers of those that are down."""

    up: Number
    down: Annotated[tuple[Number, ...], Meta(max_length=256)] = ()


class Process(msgspec.Struct, frozen=True, gc=False):
    """A compute process, by its process id on the node.

    ``pod_uid`` and ``container_id`` come from its cgroup. ``instance`` is its GPU instance under MIG;
    ``utilization_percent`` is its share of the GPU's time, for processes that share a GPU.
    """

    pid: Number
    used_memory_bytes: Count | None = None
    utilization_percent: Percent | None = None
    instance: Number | None = None
    pod_uid: Text | None = None
    container_id: Text | None = None


class Instance(msgspec.Struct, frozen=True, gc=False):
    """A MIG device. ``slices`` are those of the GPU's compute slices that its GPU instance has.

    Utilization is measured for the GPU instance, so it is unknown where compute instances share one.
    """

    uuid: Text | None
    gpu_instance_id: Number
    compute_instance_id: Number
    profile: Text | None = None
    slices: Number | None = None
    utilization_percent: Percent | None = None
    utilization_window_seconds: Seconds | None = None
    memory_total_bytes: Count | None = None
    memory_used_bytes: Count | None = None
    reasons: Reasons = {}


class Gpu(msgspec.Struct, frozen=True, gc=False):
    """A GPU, as it was at ``sampled_at`` (values that NVML returns slowly may be half a minute older).

    Utilization is the share of ``utilization_window_seconds`` in which a kernel ran; ``samples`` are the
    driver's own, ``rate`` is the driver's last one alone, ``instances`` are the busy shares of the MIG
    instances, by their slices. Memory in use doesn't count what the driver has reserved. ``clock_events``
    are the reasons that hold clocks down. ``recovery_action`` is NVIDIA's own verdict, NONE when all is
    well. ``xids`` has the latest first.
    """

    index: Number
    uuid: Text | None
    sampled_at: Seconds
    health: Health
    product: Text | None = None
    architecture: Text | None = None
    pci_bus_id: Text | None = None
    minor_number: Number | None = None
    utilization_percent: Percent | None = None
    utilization_window_seconds: Seconds | None = None
    utilization_source: Literal["samples", "rate", "instances"] | None = None
    memory_total_bytes: Count | None = None
    memory_used_bytes: Count | None = None
    memory_reserved_bytes: Count | None = None
    temperature_celsius: Number | None = None
    power_watts: Amount | None = None
    power_limit_watts: Amount | None = None
    energy_joules: Amount | None = None
    clock_sm_mhz: Number | None = None
    clock_memory_mhz: Number | None = None
    clock_events: tuple[Text, ...] | None = None
    ecc_enabled: bool | None = None
    ecc_uncorrected_volatile: Count | None = None
    ecc_uncorrected_aggregate: Count | None = None
    remapped_rows: RemappedRows | None = None
    recovery_action: Text | None = None
    xids: tuple[Xid, ...] | None = None
    nvlinks: NvLinks | None = None
    mig_enabled: bool | None = None
    instances: Annotated[tuple[Instance, ...], Meta(max_length=MAX_INSTANCES)] | None = None
    processes: tuple[Process, ...] | None = None
    reasons: Reasons = {}


class Holder(msgspec.Struct, frozen=True, gc=False):
    """A device that the kubelet's device manager gave to a container.

    ``device_id`` is the device plugin's own; its meaning is beside it where that is known:
    the GPU, the MIG instance on it, and which replica of a shared one.
    """

    namespace: Text
    pod: Text
    container: Text
    resource: Text
    device_id: Text
    gpu_uuid: Text | None = None
    instance_uuid: Text | None = None
    replica: Number | None = None


class Claimed(msgspec.Struct, frozen=True, gc=False):
    """A device that a container has by a ResourceClaim. Its uuid is in the driver's ResourceSlice."""

    namespace: Text
    pod: Text
    container: Text
    claim: Text
    driver: Text
    pool: Text
    device: Text
    share_id: Text | None = None


class Report(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The whole report.

    ``sampled_at`` is when the last round over all GPUs was over. ``holders`` and ``claimed`` are None
    while the kubelet's answer is unknown or older than a minute; they have no pod UID, since the kubelet
    tells none. ``allocatable`` are the device ids that it gives out, by resource: the healthy ones of
    device plugins. ``cut`` names the lists that were longer than their bound, and end there.
    """

    version: int = VERSION
    node: Text
    agent: Text
    started_at: Seconds
    interval_seconds: Seconds
    sampled_at: Seconds | None
    xids_since: Seconds | None
    driver: Driver
    kubelet: Kubelet
    gpus: Annotated[tuple[Gpu, ...], Meta(max_length=MAX_GPUS)]
    holders: tuple[Holder, ...] | None
    claimed: tuple[Claimed, ...] | None
    allocatable: dict[Text, tuple[Text, ...]] | None
    cut: tuple[Text, ...] = ()
