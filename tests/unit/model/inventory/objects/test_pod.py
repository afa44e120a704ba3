"""A pod holds its GPUs from its binding to its end, whatever else is the matter with it."""

import pytest

from lens.model.inventory.objects.pod import PodKey
from tests.unit.model.manifests import GPU, container, node, pod, read_pod, snapshot_of, viewed_pod

GPU_CONTAINER = container("main", "2")


@pytest.mark.parametrize("phase", ["Pending", "Running", "Unknown", "", "SomethingNew"])
@pytest.mark.parametrize("metadata", [{}, {"deletionTimestamp": "2025-12-19T15:30:00Z"}])
def test_a_bound_pod_holds_its_gpus_until_it_is_over(phase: str, metadata: dict[str, str]) -> None:
    snapshot = snapshot_of(node(gpus="8"), pod(GPU_CONTAINER, phase=phase, metadata=metadata))
    assert snapshot.states.allocated == 2
    assert snapshot.running_tasks == (1 if phase == "Running" else 0)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_finished_pod_holds_nothing(phase: str) -> None:
    reading = read_pod(pod(GPU_CONTAINER, phase=phase))
    assert reading.value is None
    assert reading.problem is None


@pytest.mark.parametrize("node", [None, ""])
def test_an_unbound_pod_holds_nothing_and_is_no_running_task(node: str | None) -> None:
    raw = pod(GPU_CONTAINER, node=node, phase="Running")
    assert viewed_pod(raw).gpus == 2
    assert not viewed_pod(raw).is_running
    assert snapshot_of(raw).states.allocated == 0
    assert snapshot_of(raw).running_tasks == 0


@pytest.mark.parametrize("quantity", [None, "0", "0m"])
def test_a_pod_without_gpus_is_not_stored(quantity: str | None) -> None:
    assert read_pod(pod(container("main", quantity))).value is None


def test_a_pod_says_who_and_where_it_is() -> None:
    view = viewed_pod(pod(GPU_CONTAINER, {"name": "b", "resources": {"limits": {"amd.com/gpu": "1"}}}))
    assert view.key == PodKey("team", "train-0")
    assert (view.uid, view.node, view.phase) == ("uid-train-0", "node-1", "Running")
    assert view.units == (("amd.com/gpu", 1), (GPU, 2))
    assert view.gpus == 3
    assert view.started_at == 1766158200
    assert not view.terminating
    assert viewed_pod(pod(GPU_CONTAINER, metadata={"deletionTimestamp": "soon"})).terminating


def test_a_time_that_can_not_be_read_costs_no_gpu() -> None:
    view = viewed_pod(pod(GPU_CONTAINER, status={"startTime": "yesterday"}))
    assert view.started_at is None
    assert view.gpus == 2


def test_what_shows_nowhere_makes_no_difference() -> None:
    quiet = {
        "resourceVersion": "8",
        "annotations": {"a": "b"},
        "managedFields": [{"manager": "kubelet"}],
        "labels": {"step": "17"},
    }
    conditions = {"conditions": [{"type": "Ready", "status": "False", "message": "x"}]}
    assert viewed_pod(pod(GPU_CONTAINER)) == viewed_pod(pod(GPU_CONTAINER, metadata=quiet, status=conditions))
    assert viewed_pod(pod(GPU_CONTAINER)) != viewed_pod(pod(GPU_CONTAINER, metadata={"uid": "another"}))
