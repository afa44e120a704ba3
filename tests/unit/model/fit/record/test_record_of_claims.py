"""Predictions about pods with claims: when they count as wrong, and the case files that show them again."""

import json
from collections.abc import Callable

import pytest

from lens.model.fit.record.case import fleet_of
from lens.model.fit.record.record import Disagreement
from tests.oracle import lens
from tests.unit.model.dra_manifests import claim, device_class, gpu, resource_slice, result
from tests.unit.model.fit.fleets import node, pod
from tests.unit.model.fit.record.world import World
from tests.unit.model.manifests import Object

LONG = 20
"""Seconds after which everything is judged."""

REFUSED = "0/2 nodes are available: 2 node(s) were odd."


def own(*devices: str, name: str = "own", node: str = "node-1", count: int = 1) -> Object:
    results = (result(each, pool=node) for each in devices)
    return claim(*results, name=name, namespace="default", node=node, count=count)


def cluster() -> World:
    """Return two nodes with two devices each, and a pod that asks for one by its own claim."""
    world = World(node("node-1", 0), node("node-2", 0))
    world.devices(
        device_class(),
        resource_slice(gpu(0), gpu(1)),
        resource_slice(gpu(2), gpu(3), name="node-2-a", pool="node-2", node="node-2"),
        own(),
    )
    world.pod(pod(name="train", resourceClaims=[{"name": "gpus", "resourceClaimName": "own"}]))
    world.wait(LONG)
    return world


def again(wrong: Disagreement, *, anonymous: bool = False) -> bool:
    """Return whether the pod of a case file fits, as the file says."""
    file = json.loads(json.dumps(fleet_of(wrong.case, anonymous=anonymous)))
    ((answer, result),) = lens.answers(file)
    assert result.complete
    return bool(answer["fits"])


def test_a_pod_that_is_bound_once_its_claim_is_allocated_counts_as_right() -> None:
    world = cluster()
    world.devices(own("gpu-0"))
    world.bind("train", "node-1")
    assert world.wait(LONG) == {"right": 1}


def test_a_refusal_though_devices_were_free_all_the_time_is_wrong_and_its_case_says_yes_again() -> None:
    world = cluster()
    world.refuse("train", REFUSED)
    assert world.wait(LONG) == {"wrong": 1}
    (wrong,) = world.record.cases
    assert wrong.said == "yes"
    assert again(wrong)
    assert again(wrong, anonymous=True)
    # The case has what the pod may have there, and nothing of the other node.
    file = fleet_of(wrong.case)
    assert [each["metadata"]["name"] for each in file["resourceSlices"]] == ["node-1-a"]
    assert [each["metadata"]["name"] for each in file["resourceClaims"]] == ["own"]


def test_a_pod_that_is_bound_where_all_devices_are_held_is_wrong_and_its_case_says_no_again() -> None:
    world = cluster()
    world.devices(own("gpu-0", name="others"), own("gpu-3", name="more", node="node-2"), own(count=2))
    world.wait(LONG)
    world.bind("train", "node-1")
    assert world.wait(LONG) == {"wrong": 1}
    (wrong,) = world.record.cases
    assert (wrong.said, wrong.node) == ("no", "node-1")
    assert not again(wrong)
    assert not again(wrong, anonymous=True)


def test_a_pod_with_an_extended_resource_that_claims_serve_has_a_case_too() -> None:
    world = cluster()
    world.devices(device_class(extendedResourceName="nvidia.com/gpu"))
    world.wait(LONG)
    world.pod(pod(2, name="extended"))
    world.refuse("extended", REFUSED)
    assert world.wait(LONG) == {"wrong": 1}
    (wrong,) = world.record.cases
    assert again(wrong)
    assert again(wrong, anonymous=True)


def _another_holds(world: World) -> None:
    world.devices(own("gpu-0", name="others"))


def _published_anew(world: World) -> None:
    world.devices(resource_slice(gpu(0), generation=2))


def _a_class_changes(world: World) -> None:
    world.devices(device_class(expression="false"))


def _its_claim_changes(world: World) -> None:
    world.devices(own(count=3))


@pytest.mark.parametrize("change", [_another_holds, _published_anew, _a_class_changes, _its_claim_changes])
@pytest.mark.parametrize("seconds_before", [0, 8])
def test_what_changes_about_the_devices_at_that_time_may_be_why(
    change: Callable[[World], None], seconds_before: int
) -> None:
    world = cluster()
    world.devices(own("gpu-2", "gpu-3", name="there", node="node-2"))
    world.wait(LONG)
    if not seconds_before:
        world.refuse("train", REFUSED)
        change(world)
    else:
        change(world)
        world.wait()
        world.devices(device_class(), resource_slice(gpu(0), gpu(1), generation=3), own(), own(name="others"))
        world.wait(seconds_before)
        world.refuse("train", REFUSED)
    assert world.wait(LONG) == {"raced": 1}


def test_what_changes_about_another_nodes_devices_excuses_nothing() -> None:
    world = cluster()
    world.refuse("train", REFUSED)
    world.devices(own("gpu-2", name="others", node="node-2"))
    assert world.wait(LONG) == {"wrong": 1}


def test_no_name_of_the_users_own_is_left_in_a_case_under_other_names() -> None:
    world = cluster()
    world.refuse("train", REFUSED)
    world.wait(LONG)
    (wrong,) = world.record.cases
    text = json.dumps(fleet_of(wrong.case, anonymous=True))
    for name in "gpu.nvidia.com", "node-1-a", "gpu-0", "own", "default", "H100", "uuid", "productName":
        assert f'"{name}' not in text, name
