"""Who holds which device is what the kubelet says, and unknown when it doesn't."""

import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import grpc
import pytest

from lens.agent.podresources.poller import PodResourcesPoller
from lens.model.gpu.node_report import MAX_ALLOCATABLE, MAX_HOLDERS, Claimed
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.quantity import Exact, Quantity
from lens.telemetry.scrape_client import MAX_BODY_BYTES
from lens_sim.node.nvml.scenario import Gpu
from lens_sim.node.podresources import Claim, Container, Pod, PodResourcesServer
from tests.integration.agent.node import Node, elapsed, wait

A, B = "GPU-aaaaaaaa-0000-0000-0000-000000000001", "GPU-bbbbbbbb-0000-0000-0000-000000000002"


def test_each_device_has_its_pod_namespace_and_container(node: Node) -> None:
    kubelet = node.kubelet()
    kubelet.pods = [
        Pod("default", "web", [Container("nginx", {"example.com/nic": ["nic0"]})]),
        Pod("ml", "train-0", [Container("main", {"nvidia.com/gpu": [A]}), Container("sidecar")]),
        Pod("ml", "shared", [Container("one", {"nvidia.com/gpu.shared": [f"{B}::3"]})]),
        Pod("gke", "sliced", [Container("one", {"nvidia.com/gpu": ["nvidia1/vgpu2"]})]),
        Pod("amd", "rocm", [Container("one", {"amd.com/gpu": ["0000:c1:00.0"]})]),
    ]
    kubelet.allocatable = {
        "nvidia.com/gpu": [A],
        "nvidia.com/gpu.shared": [f"{B}::3"],
        "example.com/nic": ["n"],
    }
    node.play(Gpu(uuid=A), Gpu(uuid=B))
    report = node.run().until(lambda report: bool(report.holders) and bool(report.gpus))
    assert report.kubelet.state == "ok"
    assert time.time() - (report.kubelet.listed_at or 0) < 5
    assert [
        (each.namespace, each.pod, each.container, each.resource, each.gpu_uuid, each.replica)
        for each in report.holders or ()
    ] == [
        ("ml", "train-0", "main", "nvidia.com/gpu", A, None),
        ("ml", "shared", "one", "nvidia.com/gpu.shared", B, 3),
        ("gke", "sliced", "one", "nvidia.com/gpu", B, 2),
        ("amd", "rocm", "one", "amd.com/gpu", None, None),
    ]
    assert [each.device_id for each in report.holders or ()][-1] == "0000:c1:00.0"
    assert report.allocatable == {"nvidia.com/gpu": (A,), "nvidia.com/gpu.shared": (f"{B}::3",)}


def test_too_many_holders_and_devices_are_cut_and_named(node: Node) -> None:
    kubelet = node.kubelet()
    kubelet.pods = [
        Pod("ml", f"p{each}", [Container("c", {"nvidia.com/gpu": [f"{A}::{each}"]}, [claim(each)])])
        for each in range(MAX_HOLDERS + 100)
    ]
    kubelet.allocatable = {"nvidia.com/gpu": [f"{A}::{each}" for each in range(MAX_ALLOCATABLE + 100)]}
    node.play(Gpu(uuid=A))
    agent = node.run()
    report = agent.until(lambda report: bool(report.holders))
    assert (len(report.holders or ()), len(report.claimed or ())) == (MAX_HOLDERS, MAX_HOLDERS)
    assert len((report.allocatable or {})["nvidia.com/gpu"]) == MAX_ALLOCATABLE
    assert report.cut == ("holders", "claimed", "allocatable")
    assert b'lens_agent_cut{list="holders"} 1' in agent.ask("/metrics").body
    assert len(agent.ask("/v1/devices").body) < MAX_BODY_BYTES["agent"]


def claim(number: int) -> Claim:
    """Return a device of a claim."""
    return Claim(f"claim-{number}", "gpu.nvidia.com", "node-1", f"gpu-{number}")


def test_devices_of_claims_are_passed_on_as_they_are(node: Node) -> None:
    share = "8f0d1f4e-3c1c-4d8f-9d55-0a4c7a0b6c11"
    kubelet = node.kubelet()
    kubelet.pods = [
        Pod(
            "dra",
            "pod",
            [
                Container(
                    "main",
                    claims=[
                        Claim("big", "gpu.nvidia.com", "gpu-node-1", "gpu-3"),
                        Claim("small", "gpu.nvidia.com", "gpu-node-1", "gpu-4", share),
                    ],
                )
            ],
        )
    ]
    node.play(Gpu())
    report = node.run().until(lambda report: bool(report.claimed))
    assert report.claimed == (
        Claimed("dra", "pod", "main", "big", "gpu.nvidia.com", "gpu-node-1", "gpu-3"),
        Claimed("dra", "pod", "main", "small", "gpu.nvidia.com", "gpu-node-1", "gpu-4", share),
    )
    assert report.holders == ()


def test_which_resources_are_gpus_can_be_chosen(node: Node) -> None:
    kubelet = node.kubelet()
    kubelet.pods = [Pod("ml", "a", [Container("c", {"nvidia.com/gpu": [A], "example.com/gpu-x": ["x0"]})])]
    node.play(Gpu(uuid=A))
    report = node.run(gpu_resources="example.com/gpu-*").until(lambda report: bool(report.holders))
    assert [each.device_id for each in report.holders or ()] == ["x0"]


def test_a_socket_that_is_not_there_is_a_state_and_one_that_comes_is_found(node: Node) -> None:
    node.play(Gpu(uuid=A))
    agent = node.run()
    report = agent.until(lambda report: report.kubelet.state == "missing" and bool(report.gpus))
    assert (report.holders, report.claimed, report.allocatable) == (None, None, None)
    assert report.gpus[0].temperature_celsius is not None
    agent.until_health(200)
    node.kubelet().pods = [Pod("ml", "a", [Container("c", {"nvidia.com/gpu": [A]})])]
    agent.until(lambda report: bool(report.holders))


def test_a_kubelet_that_is_started_again_is_found_again(node: Node) -> None:
    node.play(Gpu(uuid=A))
    first = node.kubelet()
    first.pods = [Pod("ml", "before", [Container("c", {"nvidia.com/gpu": [A]})])]
    agent = node.run()
    agent.until(lambda report: bool(report.holders))
    first.stop()
    report = agent.until(lambda report: report.kubelet.state in ("unreachable", "missing"))
    assert [each.pod for each in report.holders or ()] == ["before"]
    node.kubelet().pods = [Pod("ml", "after", [Container("c", {"nvidia.com/gpu": [A]})])]
    report = agent.until(lambda report: report.kubelet.state == "ok")
    agent.until(lambda report: [each.pod for each in report.holders or ()] == ["after"])


def test_a_slow_kubelet_delays_no_sample_and_no_answer(node: Node) -> None:
    kubelet = node.kubelet()
    kubelet.delay_seconds = 600
    node.play(Gpu(uuid=A))
    agent = node.run()
    report = agent.until(lambda report: report.kubelet.state == "slow")
    assert report.kubelet.reason == "no answer within 2 s"
    assert report.holders is None
    with elapsed(10):
        agent.sampled()
    agent.until_health(200)
    with elapsed(10):
        assert agent.stop() == 0


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "failed"),
        (grpc.StatusCode.UNIMPLEMENTED, "failed"),
        (grpc.StatusCode.UNAVAILABLE, "unreachable"),
    ],
)
def test_a_kubelets_refusal_has_its_reason(node: Node, status: grpc.StatusCode, state: str) -> None:
    node.kubelet().refusal = status
    node.play(Gpu())
    report = node.run().until(lambda report: report.kubelet.state == state)
    assert report.kubelet.reason == status.name


def test_an_invalid_response_of_the_kubelet_is_a_failure(node: Node) -> None:
    node.kubelet().garbage = b"\x0a\xff\xff\xff\xff\x0f<html>"
    node.play(Gpu())
    report = node.run().until(lambda report: report.kubelet.state == "failed")
    assert report.kubelet.reason == "the answer can't be read"


def test_a_kubelets_response_is_dropped_after_a_minute(tmp_path: Path) -> None:
    now = [1766158200.0]
    kubelet = PodResourcesServer(tmp_path / "kubelet.sock")
    kubelet.pods = [Pod("ml", "a", [Container("c", {"nvidia.com/gpu": [A]})])]
    kubelet.start()
    poller = PodResourcesPoller(kubelet.socket, GpuResources(), 0.05, clock=lambda: now[0])
    poller.start()
    try:
        wait(lambda: poller.allocations.holders)
        kubelet.refusal = grpc.StatusCode.INTERNAL
        now[0] += 59
        wait(lambda: poller.allocations.kubelet.state == "failed")
        assert poller.allocations.holders
        now[0] += 2
        wait(lambda: poller.allocations.holders is None)
        assert poller.allocations.kubelet.listed_at == 1766158200.0
    finally:
        poller.stop()
        kubelet.stop()


def test_a_defect_in_reading_the_kubelets_answer_ends_neither_the_readings_nor_the_truth(
    tmp_path: Path,
) -> None:
    class Defective(GpuResources):
        """Resources that can't be told apart while there is a defect."""

        is_defective = False

        def units(self, quantities: Mapping[str, Quantity] | None) -> dict[str, Exact]:
            if self.is_defective:
                raise ZeroDivisionError
            return super().units(quantities)

    failures: Counter[str] = Counter()
    gpus = Defective()
    kubelet = PodResourcesServer(tmp_path / "kubelet.sock")
    kubelet.pods = [Pod("ml", "a", [Container("c", {"nvidia.com/gpu": [A]})])]
    kubelet.start()
    poller = PodResourcesPoller(
        kubelet.socket, gpus, 0.05, count_failures=lambda job, count: failures.update({job: count})
    )
    poller.start()
    try:
        wait(lambda: poller.allocations.holders)
        gpus.is_defective = True
        wait(lambda: poller.allocations.kubelet.state == "failed")
        wait(lambda: failures["kubelet"] >= 2)
        gpus.is_defective = False
        wait(lambda: poller.allocations.kubelet.state == "ok")
        assert poller.allocations.holders
    finally:
        poller.stop()
        kubelet.stop()
