"""What would fit in place of what doesn't: asked as it is said, it fits, and one more doesn't."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.model.fit.admission.policies import Policies
from lens.model.fit.admission.workloads.workload import read_workload
from lens.model.fit.answer.answer import Options, answer
from lens.model.fit.answer.asked_group import read_group
from lens.model.fit.dra.extended import extended_spec
from lens.model.fit.dra.objects import read_class
from lens.model.fit.dra.slices import read_slice
from lens.model.fit.spec.containers import ContainerRequest, lessened
from lens.model.fit.view import FitView
from tests.unit.model.dra_manifests import device_class, gpu, resource_slice
from tests.unit.model.fit.fleets import node, state
from tests.unit.model.manifests import GPU, Object

IS_GPU = Options(is_gpu=lambda resource: resource == GPU)

WHOLE = {"resources": {"limits": {GPU: "8"}}}
HALVES = [{"resources": {"limits": {GPU: "4"}}}, {"resources": {}}, {"resources": {"limits": {GPU: "4"}}}]
SIDECAR = {"restartPolicy": "Always", "resources": {"limits": {GPU: "3"}}}


def view(served: int, plugin: int | None = None) -> FitView:
    """Return a cluster with GPUs that a class serves on one node, and a device plugin's on another."""
    room = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    nodes = [node("node-1", allocatable=room)]
    if plugin is not None:
        nodes.append(node("node-2", plugin))
    found = state(nodes)
    devices = resource_slice(*map(gpu, range(served)))
    found.devices.put_slice(devices["metadata"]["name"], read_slice(json.dumps(devices).encode()))
    served_by = device_class(extendedResourceName=GPU)
    found.devices.put_class(served_by["metadata"]["name"], read_class(json.dumps(served_by).encode()))
    return FitView(found.fleet(), Policies({}, {}, {}, {}, {}))


def nearest(seen: FitView, containers: list[Object], init: list[Object]) -> list[tuple[str, str]]:
    named = [{"name": f"c{number}", **each} for number, each in enumerate([*init, *containers])]
    spec = {"initContainers": named[: len(init)], "containers": named[len(init) :]}
    [group] = read_workload([{"kind": "Pod", "metadata": {"name": "a"}, "spec": spec}]).groups
    found = answer(seen, [read_group(group, "default", seen)], "default", IS_GPU)
    assert found.fits == "no"
    return [(each.change, each.value) for each in found.nearest]


@pytest.mark.parametrize(
    ("containers", "init"),
    [
        ([WHOLE], []),
        (HALVES, []),
        (HALVES, [WHOLE]),
        ([{"resources": {}}], [SIDECAR, WHOLE]),
        ([*HALVES, WHOLE], [SIDECAR, SIDECAR]),
    ],
)
@pytest.mark.parametrize(("plugin", "most"), [(None, 4), (0, 4), (2, 4), (6, 6)])
def test_fewer_gpus_that_a_claim_serves_would_fit(
    containers: list[Object], init: list[Object], plugin: int | None, most: int
) -> None:
    assert nearest(view(4, plugin), containers, init) == [("gpus", str(most))]


CONTAINERS = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=5)


def _devices(containers: tuple[ContainerRequest, ...]) -> int:
    spec = extended_spec(containers, [GPU], {GPU: "gpus"})
    return sum(each.alternatives[0].count for each in spec.requests)


@given(CONTAINERS, st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(0, 30))
def test_lessened_containers_take_as_much_as_is_left_and_no_container_takes_more(
    init: list[tuple[bool, int]], main: list[int], most: int
) -> None:
    containers = tuple(
        ContainerRequest(ends_early, ((GPU, amount, 0), ("example.com/nic", 2, 1)))
        for ends_early, amount in [*init, *((False, amount) for amount in main)]
    )
    less = lessened(containers, GPU, most)
    assert _devices(less) == min(most, _devices(containers))
    for before, after in zip(containers, less, strict=True):
        assert after.amount(GPU) <= before.amount(GPU)
        assert after.amount("example.com/nic") == 2
        assert msgspec.structs.replace(after, resources=before.resources) == before
