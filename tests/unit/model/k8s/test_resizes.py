"""A resize in place frees nothing before the node has done it, and books nothing that it can't do.

KEP-1287. The cases are those of component-helpers v0.37 for PodRequests with UseStatusResources, in GPUs.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.model.manifests import GPU, Object, container, pod, sidecar, units

INFEASIBLE = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
DEFERRED = {"type": "PodResizePending", "status": "True", "reason": "Deferred"}
IN_PROGRESS = {"type": "PodResizeInProgress", "status": "True"}


def status_of(name: str, allocated: object = None, actuated: object = None) -> Object:
    """Return a container's status; None for what the node doesn't tell."""
    status: Object = {"name": name}
    if allocated is not None:
        status["allocatedResources"] = {GPU: allocated}
    if actuated is not None:
        status["resources"] = {"requests": {GPU: actuated}}
    return status


def resized(
    asked: str,
    *,
    conditions: object = None,
    status: Mapping[str, Any] | None = None,
    node: str | None = "node-1",
) -> dict[str, int]:
    """Return the units of a pod of one container, ``main``."""
    return units(
        pod(container("main", asked), node=node, status={"conditions": conditions} | dict(status or {}))
    )


@pytest.mark.parametrize(
    ("asked", "allocated", "actuated", "held"),
    [
        ("4", None, None, 4),
        ("4", None, "2", 4),  # growing, not admitted yet
        ("4", "4", "2", 4),  # growing, being done
        ("2", "4", "4", 4),  # shrinking, not admitted yet
        ("2", "2", "4", 4),  # shrinking, being done
        ("2", "2", "2", 2),  # done
        ("2", "4", None, 4),
    ],
)
def test_the_largest_of_wish_admission_and_reality_is_held(
    asked: str, allocated: str | None, actuated: str | None, held: int
) -> None:
    statuses = {"containerStatuses": [status_of("main", allocated, actuated)]}
    for conditions in ([DEFERRED], [IN_PROGRESS], [], None):
        assert resized(asked, conditions=conditions, status=statuses) == {GPU: held}


@pytest.mark.parametrize(
    ("allocated", "actuated", "held"), [("4", "2", 4), ("2", "4", 4), (None, "2", 2), ("2", None, 2)]
)
def test_a_resize_that_can_not_be_done_books_nothing(
    allocated: str | None, actuated: str | None, held: int
) -> None:
    statuses = {"containerStatuses": [status_of("main", allocated, actuated)]}
    assert resized("6", conditions=[IN_PROGRESS, INFEASIBLE], status=statuses) == {GPU: held}


def test_an_infeasible_resize_drops_the_spec_of_a_container_without_a_status_too() -> None:
    assert resized("6", conditions=[INFEASIBLE]) == {}
    raw = pod(
        container("a", "2"),
        container("b", "3"),
        status={"conditions": [INFEASIBLE], "containerStatuses": [status_of("a", "1")]},
    )
    assert units(raw) == {GPU: 1}


def test_the_first_word_on_a_pending_resize_counts() -> None:
    statuses = {"containerStatuses": [status_of("main", "2", "2")]}
    assert resized("6", conditions=[DEFERRED, INFEASIBLE], status=statuses) == {GPU: 6}
    assert resized("6", conditions=[INFEASIBLE, DEFERRED], status=statuses) == {GPU: 2}


def test_before_it_is_bound_a_pod_is_what_its_spec_says() -> None:
    statuses = {"containerStatuses": [status_of("main", "8", "8")]}
    assert resized("2", conditions=[INFEASIBLE], status=statuses, node=None) == {GPU: 2}


def test_the_largest_total_is_held_and_not_the_total_of_the_largest() -> None:
    raw = pod(
        container("a", "1"),
        container("b", "2"),
        status={"containerStatuses": [status_of("a", "2"), status_of("b", "1")]},
    )
    assert units(raw) == {GPU: 3}


def test_each_resource_has_its_own_largest_total() -> None:
    amd, gaudi = "amd.com/gpu", "habana.ai/gaudi"
    raw = pod(
        {"name": "main", "resources": {"requests": {GPU: "3", amd: "2", gaudi: "1"}}},
        status={
            "containerStatuses": [
                {
                    "name": "main",
                    "allocatedResources": {GPU: "2", amd: "1", gaudi: "3"},
                    "resources": {"requests": {GPU: "1", amd: "3", gaudi: "2"}},
                }
            ]
        },
    )
    assert units(raw) == {GPU: 3, amd: 3, gaudi: 3}


@pytest.mark.parametrize(("conditions", "held"), [([INFEASIBLE], 2), ([DEFERRED], 4), (None, 4)])
def test_sidecars_are_resized_too(conditions: object, held: int) -> None:
    raw = pod(
        initContainers=[sidecar("side", "4")],
        status={"conditions": conditions, "initContainerStatuses": [status_of("side", None, "2")]},
    )
    assert units(raw) == {GPU: held}


def test_the_peak_of_the_initialization_is_taken_in_each_total() -> None:
    raw = pod(
        container("main", "2"),
        initContainers=[sidecar("side", "1"), container("init", "2")],
        status={
            "containerStatuses": [status_of("main", "2", "2")],
            "initContainerStatuses": [status_of("side", "3", "3"), status_of("init", "2")],
        },
    )
    assert units(raw) == {GPU: 5}


def test_overhead_is_added_once_to_the_largest_total() -> None:
    raw = pod(
        container("main", "2"),
        overhead={GPU: "1"},
        status={"containerStatuses": [status_of("main", "4", "3")]},
    )
    assert units(raw) == {GPU: 5}


def test_totals_that_the_node_gives_for_the_whole_pod_take_the_containers_place() -> None:
    whole = {"allocatedResources": {GPU: "5"}, "resources": {"requests": {GPU: "4"}}}
    statuses = {"containerStatuses": [status_of("main", "9", "9")]}
    assert resized("2", status=statuses | whole) == {GPU: 5}
    assert resized("6", status=statuses | whole) == {GPU: 6}
    assert resized("6", conditions=[INFEASIBLE], status=statuses | whole) == {GPU: 5}


@pytest.mark.parametrize(
    "half",
    [
        {"allocatedResources": {GPU: "5"}},
        {"allocatedResources": {GPU: "5"}, "resources": {"limits": {GPU: "5"}}},
        {"allocatedResources": {GPU: "5"}, "resources": None},
        {"resources": {"requests": {GPU: "5"}}},
    ],
)
def test_half_of_the_pods_totals_is_not_enough(half: Object) -> None:
    assert resized("2", status={"containerStatuses": [status_of("main", "3", "3")]} | half) == {GPU: 3}


def test_a_running_pods_totals_without_gpus_take_none_away() -> None:
    # kubelet 1.36 reads a running pod's requests from its cgroup, which knows no GPUs.
    whole = {"allocatedResources": {GPU: "2", "cpu": "1"}, "resources": {"requests": {"cpu": "1"}}}
    assert resized("2", status=whole) == {GPU: 2}
    assert resized("4", conditions=[INFEASIBLE], status=whole) == {GPU: 2}


def test_a_containers_own_status_comes_before_an_initial_containers_of_its_name() -> None:
    raw = pod(
        container("main", "1"),
        status={
            "initContainerStatuses": [status_of("main", "8")],
            "containerStatuses": [status_of("main", "2"), status_of("main", "9"), status_of("other", "7")],
        },
    )
    assert units(raw) == {GPU: 2}
