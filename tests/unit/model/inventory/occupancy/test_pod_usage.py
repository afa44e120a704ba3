"""A task is told its own use of its GPUs: not its neighbour's, and not 0 where nobody knows."""

import pytest
from msgspec import structs

from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry, PodShare
from lens.model.inventory.objects.pod import Pod, Workload
from lens.model.inventory.occupancy.pod_usage import (
    NO_TELEMETRY,
    SHARED,
    UNKNOWN_DEVICES,
    Usage,
    usage,
)
from lens.model.k8s.dra.allocated_devices import Device
from tests.unit.telemetry.made import GIB, gpu, holder, instance, node


def pod(name: str = "train-0") -> Pod:
    return Pod(
        namespace="team",
        name=name,
        uid=f"uid-{name}",
        node="node-1",
        phase="Running",
        units=(("nvidia.com/gpu", 1),),
        started_at=None,
        terminating=False,
        controller=None,
        workload=Workload("Pod", name),
    )


def share(name: str, percent: float | None, used: int | None, number: int | None = None) -> PodShare:
    return PodShare(
        pod_uid=f"uid-{name}", instance=number, memory_used_bytes=used, utilization_percent=percent
    )


def shared(*shares: PodShare) -> GpuTelemetry:
    return gpu(percent=90.0, used=30 * GIB, shares=shares)


def on_one_gpu(shown: GpuTelemetry) -> NodeTelemetry:
    holders = tuple(holder(name, replica=index) for index, name in enumerate(("train-0", "train-1")))
    return node("node-1", shown, holders=holders)


def test_whole_gpus_are_as_busy_as_their_pod_keeps_them() -> None:
    known = node(
        "node-1",
        gpu("GPU-1", 90.0, used=60 * GIB),
        gpu("GPU-2", 45.0, used=20 * GIB),
        gpu("GPU-3", 0.0),
        holders=(holder(gpu_uuid="GPU-2"), holder(gpu_uuid="GPU-1"), holder("train-1", "GPU-3")),
    )
    assert usage(pod(), known) == Usage(("GPU-1", "GPU-2"), 67.5, 80 * GIB, None)


def test_a_pod_of_the_same_name_in_another_namespace_is_another() -> None:
    known = node("node-1", gpu(), holders=(holder(namespace="other"),))
    assert usage(pod(), known) == Usage(None, None, None, UNKNOWN_DEVICES)


@pytest.mark.parametrize(
    "known",
    [
        node("node-1", gpu(), holders=None),
        node("node-1", gpu(), holders=(holder(gpu_uuid=None),)),
        node("node-1", gpu(), holders=(holder(gpu_uuid="GPU-of-nobody"),)),
        node("node-1", gpu(), holders=(holder(instance_uuid="MIG-gone"),)),
    ],
    ids=[
        "no kubelet",
        "a device of no known GPU",
        "a GPU that is not there",
        "a MIG device gone",
    ],
)
def test_where_its_devices_are_not_known_nothing_is_made_up(known: NodeTelemetry | None) -> None:
    assert usage(pod(), known) == Usage(None, None, None, UNKNOWN_DEVICES)


@pytest.mark.parametrize("known", [None, node("node-1")], ids=["nobody to ask", "nothing said"])
def test_where_nobody_measures_the_node_the_reason_says_so(known: NodeTelemetry | None) -> None:
    assert usage(pod(), known) == Usage(None, None, None, NO_TELEMETRY)


def test_a_value_that_one_of_its_gpus_lacks_is_unknown_with_that_gpus_reason() -> None:
    holders = (holder(gpu_uuid="GPU-1"), holder(gpu_uuid="GPU-2"))
    known = node("node-1", gpu("GPU-1"), gpu("GPU-2", None, used=None), holders=holders)
    assert usage(pod(), known) == Usage(("GPU-1", "GPU-2"), None, None, "NOT_SUPPORTED")


def test_on_a_shared_gpu_a_pod_is_told_its_own_processes_part() -> None:
    known = on_one_gpu(shared(share("train-0", 60.0, 20 * GIB), share("train-1", 30.0, 10 * GIB)))
    assert usage(pod("train-0"), known) == Usage(("GPU-1",), 60.0, 20 * GIB, None)
    assert usage(pod("train-1"), known) == Usage(("GPU-1",), 30.0, 10 * GIB, None)


def test_on_a_shared_gpu_a_pod_without_processes_uses_nothing() -> None:
    assert usage(pod(), on_one_gpu(shared(share("train-1", 30.0, GIB)))) == Usage(("GPU-1",), 0.0, 0, None)


@pytest.mark.parametrize("unattributed", [(None,), (None, 3)])
def test_beside_a_process_of_nobody_known_a_pod_without_processes_is_unknown_and_not_idle(
    unattributed: tuple[int | None, ...],
) -> None:
    shown = structs.replace(shared(share("train-1", 30.0, GIB)), unattributed=unattributed)
    assert usage(pod("train-0"), on_one_gpu(shown)) == Usage(("GPU-1",), None, None, SHARED)
    assert usage(pod("train-1"), on_one_gpu(shown)) == Usage(("GPU-1",), 30.0, GIB, None)


def test_a_process_of_nobody_known_on_another_mig_device_makes_no_pod_unknown() -> None:
    parts = (instance("MIG-a", 1), instance("MIG-b", 2))
    shown = gpu(instances=parts, shares=(share("train-1", 50.0, GIB, 1),))
    holders = tuple(holder(name, instance_uuid="MIG-a") for name in ("train-0", "train-1"))
    elsewhere = node("node-1", structs.replace(shown, unattributed=(2,)), holders=holders)
    assert usage(pod("train-0"), elsewhere) == Usage(("GPU-1",), 0.0, 0, None)
    here = node("node-1", structs.replace(shown, unattributed=(1,)), holders=holders)
    assert usage(pod("train-0"), here) == Usage(("GPU-1",), None, None, SHARED)


def test_on_a_shared_gpu_whose_processes_nobody_can_tell_apart_the_use_is_unknown() -> None:
    assert usage(pod(), on_one_gpu(gpu(percent=90.0))) == Usage(("GPU-1",), None, None, SHARED)
    known = on_one_gpu(shared(share("train-0", None, 20 * GIB), share("train-1", None, 10 * GIB)))
    assert usage(pod(), known) == Usage(("GPU-1",), None, 20 * GIB, SHARED)


def test_two_replicas_of_one_gpu_are_one_gpu() -> None:
    known = node("node-1", gpu(), holders=(holder(replica=0), holder(replica=1)))
    assert usage(pod(), known) == Usage(("GPU-1",), 80.0, 10 * GIB, None)


def test_who_an_exporter_names_has_not_all_of_a_gpu_that_its_own_device_id_calls_a_replica() -> None:
    exported = structs.replace(node("node-1", gpu(), holders=(holder(),)), source="dcgm")
    assert usage(pod(), exported) == Usage(("GPU-1",), 80.0, 10 * GIB, None)
    device = Device("nvidia.com/gpu", "GPU-1::2", "main", "Healthy")
    replica = structs.replace(pod(), devices=(device,))
    assert usage(replica, exported) == Usage(("GPU-1",), None, None, SHARED)
    assert usage(replica, structs.replace(exported, source="agent")).utilization_percent == 80.0


def test_a_mig_device_is_its_pods_own_though_the_gpu_is_not() -> None:
    parts = (instance("MIG-a", 1, 70.0), instance("MIG-b", 2, 10.0))
    holders = (holder("train-0", instance_uuid="MIG-a"), holder("train-1", instance_uuid="MIG-b"))
    known = node("node-1", gpu(instances=parts), holders=holders)
    assert usage(pod("train-0"), known) == Usage(("GPU-1",), 70.0, 4 * GIB, None)
    assert usage(pod("train-1"), known) == Usage(("GPU-1",), 10.0, 4 * GIB, None)


def test_a_shared_mig_device_is_told_apart_by_processes_on_that_device() -> None:
    shares = (
        share("train-0", 20.0, GIB, 1),
        share("train-0", 99.0, 9 * GIB, 2),
        share("train-1", 50.0, GIB, 1),
    )
    holders = tuple(holder(name, instance_uuid="MIG-a") for name in ("train-0", "train-1"))
    known = node("node-1", gpu(instances=(instance("MIG-a", 1),), shares=shares), holders=holders)
    assert usage(pod(), known) == Usage(("GPU-1",), 20.0, GIB, None)
