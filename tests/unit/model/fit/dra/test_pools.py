"""Pools whose slices contradict each other, or are of several nodes.

From the former kube-scheduler allocates or doesn't, by chance.
"""

import msgspec
import pytest

from lens.model.fit.answer.daemon_set import fit_on_each
from lens.model.fit.deadline import no_deadline
from lens.model.fit.engine import fit
from lens.model.fit.result import FitResult
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.state import Fleet
from tests.unit.model import dra_manifests as dra
from tests.unit.model.fit.fleets import asked, node, pod, state
from tests.unit.model.manifests import Object


def _slices(*counts: int, node: str = "node-1", driver: str = dra.DRIVER) -> list[Object]:
    return [
        dra.resource_slice(
            dra.gpu(number), name=f"{node}-{number}", node=node, pool=node, count=count, driver=driver
        )
        for number, count in enumerate(counts)
    ]


def _asked(slices: list[Object], request: Object, nodes: int = 1) -> tuple[Fleet, AskedPod]:
    found = state([node(f"node-{number + 1}") for number in range(nodes)])
    for each in (*slices, dra.device_class(), dra.claim(name="own", namespace="default", **request)):
        dra.put_fit(found.devices, each)
    claims = [{"name": "gpus", "resourceClaimName": "own"}]
    return found.fleet(), asked(pod(resourceClaims=claims))


def _fit(slices: list[Object], request: Object, nodes: int = 1) -> FitResult:
    return fit(*_asked(slices, request, nodes))


ALL: Object = {"allocationMode": "All"}


@pytest.mark.parametrize("counts", [(1, 2), (2, 1)])
@pytest.mark.parametrize("wanted", [{}, {"count": 2}, ALL], ids=["one", "all there are", "All"])
def test_which_slice_is_believed_is_chance(counts: tuple[int, int], wanted: Object) -> None:
    result = _fit(_slices(*counts), wanted)
    assert (result.fits, result.complete, result.not_checked) == ("unknown", False, ("device_pools",))


@pytest.mark.parametrize(
    ("counts", "wanted"), [((1, 3), {}), ((3, 1), {}), ((1, 3), ALL), ((1, 2), {"count": 3})]
)
def test_where_all_say_the_same_about_a_claim_it_is_a_no(counts: tuple[int, int], wanted: Object) -> None:
    result = _fit(_slices(*counts), wanted)
    assert (result.fits, result.complete) == ("no", True)


def test_a_pod_fits_where_another_nodes_pool_suffices() -> None:
    slices = [*_slices(1, 2), *_slices(1, node="node-2")]
    result = _fit(slices, {}, nodes=2)
    assert (result.fits, result.complete, result.not_checked) == ("yes", True, ())
    assert [each.node for each in result.placements] == ["node-2"]
    assert result.max_replicas is None
    # All devices of one node would reject the pod on all nodes, if its pool is taken for an incomplete one.
    result = _fit(slices, ALL, nodes=2)
    assert (result.fits, result.not_checked) == ("unknown", ("device_pools",))


def test_a_daemon_set_needs_the_pools_of_all_nodes() -> None:
    fleet, pods = _asked([*_slices(1, 2), *_slices(1, node="node-2")], {}, nodes=2)
    result, _ = fit_on_each(fleet, pods, no_deadline)
    assert (result.fits, result.complete, result.not_checked) == ("unknown", False, ("device_pools",))


def test_a_pool_of_devices_that_a_claim_is_not_about_does_not_matter() -> None:
    other = _slices(1, 2, driver="a.example.com")
    for each in other:
        each["metadata"]["name"] += "-other"
    result = _fit([*other, *_slices(1)], {})
    assert (result.fits, result.complete) == ("yes", True)


@pytest.mark.parametrize("count", [1, 2], ids=["each by itself", "together"])
@pytest.mark.parametrize("wanted", [{}, {"count": 2}], ids=["one", "two"])
def test_a_device_that_two_nodes_list_is_given_once(count: int, wanted: Object) -> None:
    slices = [
        dra.resource_slice(dra.gpu(0), dra.gpu(1), name=each, node=each, pool="rack", count=count)
        for each in ("node-1", "node-2")
    ]
    result = _fit_replicas(slices, wanted)
    given = [device for each in result.placements for device in each.devices]
    assert sorted(given) == ["gpu.nvidia.com/rack/gpu-0", "gpu.nvidia.com/rack/gpu-1"]
    assert result.max_replicas == result.placed


def test_devices_of_two_nodes_draw_on_the_same_counters() -> None:
    slices = [
        dra.resource_slice(
            dra.gpu(number, consumes={"set": {"slots": 4}}), name=each, node=each, pool="rack", count=3
        )
        for number, each in enumerate(("node-1", "node-2"))
    ]
    counters = {"set": {"slots": 6}}
    slices.append(dra.resource_slice(name="set", node="node-1", pool="rack", count=3, counters=counters))
    result = _fit_replicas(slices, {})
    assert (result.placed, result.max_replicas) == (1, 1)


def test_nodes_with_a_pool_in_common_are_independent_unless_they_overlap() -> None:
    found = state([node("node-1"), node("node-2")])
    alike = [
        dra.resource_slice(dra.gpu(0), name=each, node=each, pool="rack") for each in ("node-1", "node-2")
    ]
    for each in alike:
        dra.put_fit(found.devices, each)
    assert found.fleet().devices.are_shared
    dra.put_fit(found.devices, dra.resource_slice(dra.gpu(1), name="node-2", node="node-2", pool="rack"))
    assert not found.fleet().devices.are_shared
    dra.put_fit(found.devices, alike[1])
    assert found.fleet().devices.are_shared
    found.devices.put_slice("node-1", None)
    assert not found.fleet().devices.are_shared


def _fit_replicas(slices: list[Object], request: Object) -> FitResult:
    """Return whether four replicas fit on two nodes, each with a claim of its own."""
    found = state([node("node-1"), node("node-2")])
    template = dra.claim(name="own", **request) | {"kind": "ResourceClaimTemplate"}
    template["spec"] = {"spec": template["spec"]}
    template["metadata"]["namespace"] = "default"
    for each in (*slices, dra.device_class(), template):
        dra.put_fit(found.devices, each)
    fleet = found.fleet()
    read = asked(pod(resourceClaims=[{"name": "gpus", "resourceClaimTemplateName": "own"}]))
    (claim,) = read.claims
    claim = msgspec.structs.replace(claim, spec=fleet.devices.templates["default", "own"], missing=None)
    return fit(fleet, msgspec.structs.replace(read, claims=(claim,)), 4)
