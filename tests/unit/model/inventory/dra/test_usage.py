"""A task's use of the GPUs that it holds by claims."""

import pytest

from lens.model.gpu.telemetry import GpuTelemetry, PodShare
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.pod_usage import (
    NO_TELEMETRY,
    SHARED,
    UNKNOWN_DEVICES,
    Usage,
    usage,
)
from tests.unit.model.dra_manifests import claim, device, gpu, resource_slice, result, snapshot_of
from tests.unit.model.inventory.dra.test_claims import claiming, cpu_node
from tests.unit.model.manifests import Object
from tests.unit.telemetry import made

BUS = "0000:3b:00.0"


def _task(*objects: Object, name: str = "train-0") -> Pod:
    pods = snapshot_of(cpu_node(), *objects).nodes["node-1"].pods
    return next(each for each in pods if each.name == name)


def _busy(*gpus: GpuTelemetry, pod: Pod) -> Usage:
    return usage(pod, made.node("node-1", *gpus))


def test_a_task_is_as_busy_as_the_gpus_of_its_claims() -> None:
    task = _task(
        resource_slice(gpu(0), gpu(1), gpu(2)),
        claim(result("gpu-0"), result("gpu-2"), pods=["train-0"]),
        claiming("claim-1"),
    )
    reported = (made.gpu(f"GPU-{index}abc", 10.0 * index, used=made.GIB) for index in range(3))
    assert _busy(*reported, pod=task) == Usage(("GPU-0abc", "GPU-2abc"), 10.0, 2 * made.GIB, None)
    assert _busy(pod=task) == Usage(("GPU-0abc", "GPU-2abc"), None, None, NO_TELEMETRY)
    assert _busy(made.gpu("GPU-0abc"), pod=task) == Usage(
        ("GPU-0abc", "GPU-2abc"), None, None, UNKNOWN_DEVICES
    )


def test_a_gpu_without_a_uuid_is_known_by_its_pci_address() -> None:
    task = _task(
        resource_slice(device("gpu-0", {"resource.kubernetes.io/pciBusID": BUS})),
        claim(result("gpu-0"), pods=["train-0"]),
        claiming("claim-1"),
    )
    assert _busy(made.gpu("GPU-a", 40.0, pci_bus_id=BUS), pod=task).utilization_percent == 40.0
    assert _busy(made.gpu("GPU-a", 40.0), pod=task).reason == UNKNOWN_DEVICES


def test_a_pci_address_does_not_join_gpus_of_different_uuids() -> None:
    attributes = {"resource.kubernetes.io/pciBusID": BUS, "uuid": "GPU-b"}
    task = _task(
        resource_slice(device("gpu-0", attributes)),
        claim(result("gpu-0"), pods=["train-0"]),
        claiming("claim-1"),
    )
    assert _busy(made.gpu("GPU-a", 40.0, pci_bus_id=BUS), pod=task).reason == UNKNOWN_DEVICES


def test_a_partition_is_as_busy_as_its_instance() -> None:
    attributes = {"uuid": "MIG-1", "parentUUID": "GPU-a", "type": "mig"}
    task = _task(
        resource_slice(device("mig-1", attributes)),
        claim(result("mig-1"), pods=["train-0"]),
        claiming("claim-1"),
    )
    instances = (made.instance("MIG-0", 7, 90.0), made.instance("MIG-1", 8, 30.0))
    assert _busy(made.gpu("GPU-a", None, instances=instances), pod=task) == Usage(
        ("GPU-a",), 30.0, 4 * made.GIB, None
    )
    assert _busy(made.gpu("GPU-a", 50.0), pod=task).reason == UNKNOWN_DEVICES


@pytest.mark.parametrize(
    ("fields", "pods"), [({"shareID": "s-1"}, ["train-0"]), ({}, ["train-0", "train-1"])]
)
def test_what_tasks_share_is_told_apart_by_their_processes(fields: dict[str, str], pods: list[str]) -> None:
    task = _task(resource_slice(gpu(0)), claim(result("gpu-0", **fields), pods=pods), claiming("claim-1"))
    assert _busy(made.gpu("GPU-0abc", 90.0), pod=task).reason == SHARED
    shares = (PodShare(task.uid, None, made.GIB, 25.0), PodShare("another", None, made.GIB, 60.0))
    assert _busy(made.gpu("GPU-0abc", 90.0, shares=shares), pod=task) == Usage(
        ("GPU-0abc",), 25.0, made.GIB, None
    )


def test_a_shared_gpu_that_is_busy_without_a_process_is_nobodys() -> None:
    task = _task(resource_slice(gpu(0)), claim(result("gpu-0"), pods=["train-0", "b"]), claiming("claim-1"))
    assert _busy(made.gpu("GPU-0abc", 90.0, shares=()), pod=task).reason == SHARED
    assert _busy(made.gpu("GPU-0abc", 0.0, shares=()), pod=task).utilization_percent == 0.0


def test_a_device_that_no_slice_has_is_unknown() -> None:
    task = _task(claim(result("gpu-0"), pods=["train-0"]), claiming("claim-1"))
    assert _busy(made.gpu(), pod=task) == Usage(None, None, None, UNKNOWN_DEVICES)
