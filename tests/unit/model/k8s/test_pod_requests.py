"""What a pod asks for is what kube-scheduler sets aside for it.

The cases are those of KEP-753 (sidecars) and of component-helpers' PodRequests, told in GPUs.
"""

import pytest

from tests.unit.model.manifests import GPU, Object, container, pod, read_pod, sidecar, units


def test_containers_that_run_together_add_up() -> None:
    assert units(pod(container("a", "2"), container("b", "3"))) == {GPU: 5}


@pytest.mark.parametrize(("initial", "expected"), [("4", 5), ("5", 5), ("7", 7)])
def test_an_initial_container_counts_where_it_needs_more_than_the_pod_afterwards(
    initial: str, expected: int
) -> None:
    raw = pod(container("a", "2"), container("b", "3"), initContainers=[container("init", initial)])
    assert units(raw) == {GPU: expected}


def test_initial_containers_run_one_after_another() -> None:
    raw = pod(container("a", "1"), initContainers=[container("i1", "4"), container("i2", "3")])
    assert units(raw) == {GPU: 4}


@pytest.mark.parametrize(
    ("initial", "expected"),
    [
        # A sidecar runs beside the containers.
        ([sidecar("s1", "1")], 2),
        # max(5, (1 + 2 + 3) + 1): what comes before a sidecar starts without it.
        ([container("i1", "5"), sidecar("s1", "1"), sidecar("s2", "2"), sidecar("s3", "3")], 7),
        # i2 runs beside the two sidecars before it, not the one after: 5 + 1 + 2.
        (
            [
                container("i1", "5"),
                sidecar("s1", "1"),
                sidecar("s2", "2"),
                container("i2", "5"),
                sidecar("s3", "3"),
            ],
            8,
        ),
        # max(10 + 1, 10 + 200)
        ([sidecar("s1", "10"), container("i1", "200")], 210),
        # An initial container without GPUs changes nothing.
        ([sidecar("s1", "3"), container("i1"), sidecar("s2", "2")], 6),
        # restartPolicy is a sidecar's only when it is Always.
        ([container("i1", "4", restartPolicy="OnFailure")], 4),
        ([container("i1", "4", restartPolicy=None)], 4),
    ],
)
def test_sidecars_run_beside_all_that_starts_after_them(initial: list[Object], expected: int) -> None:
    assert units(pod(container("main", "1"), initContainers=initial)) == {GPU: expected}


def test_each_resource_peaks_on_its_own() -> None:
    amd = {"resources": {"requests": {"amd.com/gpu": "6"}}}
    raw = pod(
        container("main", "4"),
        initContainers=[container("i1", "1"), {"name": "i2"} | amd, sidecar("s1", "1")],
    )
    assert units(raw) == {GPU: 5, "amd.com/gpu": 6}


def test_a_sidecar_alone_counts() -> None:
    assert units(pod(container(), initContainers=[sidecar("s1", "2")])) == {GPU: 2}


def test_overhead_is_on_top_of_the_peak() -> None:
    raw = pod(container("a", "2"), initContainers=[container("i", "3")], overhead={GPU: "1", "cpu": "250m"})
    assert units(raw) == {GPU: 4}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"limits": {GPU: "2"}}, {GPU: 2}),
        ({"requests": {GPU: "2"}}, {GPU: 2}),
        ({"requests": {GPU: "1"}, "limits": {GPU: "2"}}, {GPU: 1}),
        ({"requests": {GPU: "0"}, "limits": {GPU: "2"}}, {}),
        ({"requests": {"cpu": "1"}, "limits": {GPU: "2"}}, {GPU: 2}),
        ({"requests": None, "limits": {GPU: "2"}}, {GPU: 2}),
        ({"requests": {GPU: "2"}, "limits": {"amd.com/gpu": "3"}}, {GPU: 2, "amd.com/gpu": 3}),
        ({}, {}),
        (None, {}),
    ],
)
def test_a_limit_without_a_request_is_the_request(resources: Object | None, expected: dict[str, int]) -> None:
    assert units(pod({"name": "main", "resources": resources})) == expected


def test_parts_are_rounded_up_once_for_the_pod() -> None:
    assert units(pod(*(container(f"c{i}", "300m") for i in range(4)))) == {GPU: 2}
    assert units(pod(*(container(f"c{i}", "500m") for i in range(4)))) == {GPU: 2}


@pytest.mark.parametrize(
    "spec", [{"containers": None}, {"containers": []}, {"initContainers": None, "overhead": None}]
)
def test_a_pod_without_the_usual_parts_asks_for_nothing(spec: Object) -> None:
    assert units({"metadata": {"name": "p", "resourceVersion": "1"}, "spec": {"nodeName": "n"} | spec}) == {}


@pytest.mark.parametrize(
    "raw",
    [
        pod(container("a", "-1")),
        pod(container("a", "1"), initContainers=[container("i", "eight")]),
        pod({"name": "a", "resources": {"requests": {GPU: "1"}, "limits": {GPU: "1e30"}}}),
        pod(container("a", "1"), overhead={GPU: ""}),
        pod(
            container("a", "1"),
            status={"containerStatuses": [{"name": "a", "allocatedResources": {GPU: "x"}}]},
        ),
    ],
)
def test_a_quantity_that_is_none_is_named_with_its_resource(raw: Object) -> None:
    reading = read_pod(raw)
    assert reading.value is None
    assert reading.problem is not None
    assert reading.problem.startswith(f"{GPU}: ")


def test_garbage_in_other_resources_costs_no_gpu() -> None:
    raw = pod({"name": "a", "resources": {"requests": {GPU: "1", "cpu": "lots", "example.com/x": "-1"}}})
    assert units(raw) == {GPU: 1}
