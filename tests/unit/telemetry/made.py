"""Telemetry made up for tests."""

from lens.model.gpu.node_report import Claimed, Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, InstanceTelemetry, NodeTelemetry, PodShare

GIB = 2**30


def gpu(
    uuid: str | None = "GPU-1",
    percent: float | None = 80.0,
    *,
    at: float = 100.0,
    used: int | None = 10 * GIB,
    instances: tuple[InstanceTelemetry, ...] = (),
    shares: tuple[PodShare, ...] | None = None,
    pci_bus_id: str | None = None,
) -> GpuTelemetry:
    """Return a GPU that is well."""
    return GpuTelemetry(
        index=0,
        uuid=uuid,
        sampled_at=at,
        health=Health(state="ok"),
        product="NVIDIA H100 80GB HBM3",
        utilization_percent=percent,
        memory_used_bytes=used,
        memory_total_bytes=80 * GIB,
        temperature_celsius=50,
        power_watts=300.0,
        instances=instances,
        shares=shares,
        pci_bus_id=pci_bus_id,
        reasons={} if percent is not None else {"utilization_percent": "NOT_SUPPORTED"},
    )


def instance(uuid: str, number: int, percent: float | None = 50.0) -> InstanceTelemetry:
    """Return a MIG device of 10 GiB, 4 of them in use."""
    return InstanceTelemetry(
        uuid=uuid,
        gpu_instance_id=number,
        compute_instance_id=0,
        profile="1g.10gb",
        utilization_percent=percent,
        memory_used_bytes=4 * GIB,
        memory_total_bytes=10 * GIB,
    )


def node(
    name: str = "node-1",
    *gpus: GpuTelemetry,
    at: float | None = 100.0,
    holders: tuple[Holder, ...] | None = (),
    claimed: tuple[Claimed, ...] | None = (),
    problem: str | None = None,
) -> NodeTelemetry:
    """Return what an agent told."""
    return NodeTelemetry(
        node=name,
        source="agent",
        sampled_at=at,
        gpus=gpus,
        holders=holders,
        claimed=claimed,
        problem=problem,
    )


def holder(
    pod: str = "train-0",
    gpu_uuid: str | None = "GPU-1",
    *,
    namespace: str = "team",
    instance_uuid: str | None = None,
    replica: int | None = None,
) -> Holder:
    """Return a device that a pod's container has."""
    return Holder(
        namespace=namespace,
        pod=pod,
        container="main",
        resource="nvidia.com/gpu",
        device_id=instance_uuid or gpu_uuid or "",
        gpu_uuid=gpu_uuid,
        instance_uuid=instance_uuid,
        replica=replica,
    )
