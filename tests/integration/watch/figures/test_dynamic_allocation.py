"""ResourceClaims, ResourceSlices, DeviceClasses and DeviceTaintRules: served or not, readable or not."""

import asyncio
import itertools
import logging
import time
from typing import Any

import kopf
import pytest

from lens.kube.watch.kopf_settings import Timeouts
from lens_sim.objects.resources import (
    DEVICE_CLASSES,
    DEVICE_TAINT_RULES,
    RESOURCE_CLAIMS,
    RESOURCE_SLICES,
)
from tests.integration.watch import faults
from tests.integration.watch.front import Exchange, Fault
from tests.integration.watch.objects import GPU, NOW, Object, node, pod
from tests.integration.watch.scene import Scene

FOUR = (RESOURCE_CLAIMS, RESOURCE_SLICES, DEVICE_CLASSES, DEVICE_TAINT_RULES)
NAMES = {resource.plural for resource in FOUR}

QUICK = Timeouts(discovery=0.2, forbidden=0.2, grace=2.0)
DRIVER = "gpu.nvidia.com"


def resource_slice(name: str, devices: int = 2, **more: Any) -> Object:
    """Return a slice that is a whole pool of GPUs on a node."""
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {
            "driver": DRIVER,
            "nodeName": "dra-0",
            "pool": {"name": name, "generation": 1, "resourceSliceCount": 1},
            "devices": [{"name": f"gpu-{number}", "attributes": {}} for number in range(devices)],
        }
        | more,
    }


def resource_claim(name: str, pool: str, device: str = "gpu-0") -> Object:
    """Return a claim that holds a device."""
    result = {"request": "gpu", "driver": DRIVER, "pool": pool, "device": device}
    return {
        "metadata": {"name": name, "namespace": "team", "uid": f"uid-{name}"},
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": DRIVER}}]}},
        "status": {"allocation": {"devices": {"results": [result]}}},
    }


def put_devices(scene: Scene) -> None:
    """Add a node with two slices of two GPUs, and a claim for one of these."""
    plain = node("dra-0")
    del plain["status"]["capacity"][GPU], plain["status"]["allocatable"][GPU]
    scene.put_node(plain)
    scene.store.put(RESOURCE_SLICES, resource_slice("pool-a"), NOW)
    scene.store.put(RESOURCE_SLICES, resource_slice("pool-b"), NOW)
    scene.store.put(RESOURCE_CLAIMS, resource_claim("one", "pool-a"), NOW)


def gpus(scene: Scene) -> tuple[int, int]:
    """Return how many GPUs there are and how many are allocated."""
    states = scene.state.current.snapshot.states
    return states.total, states.allocated


PLUGINS_ALONE = (24, 12)
ALL = (28, 13)


def watched(scene: Scene) -> set[str]:
    """Return the resources of dynamic resource allocation that are in the figures."""
    return set(scene.state.current.contacts) & NAMES


def versions(scene: Scene) -> set[str]:
    """Return the versions in which slices are watched now."""
    return {
        request.path.split("/")[3]
        for request in scene.front.open_requests
        if request.kind == "watch resourceslices"
    }


async def test_nothing_is_missed_where_nothing_is_served(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.watch(timeouts=QUICK)
    await scene.until_exact()
    await scene.until(lambda: scene.front.seen("/apis/resource.k8s.io") > 3, "discovery, again and again")
    current = scene.state.current
    assert current.unseen == {}
    assert current.outage is None
    assert set(current.contacts) == {"pods", "nodes"}
    assert scene.restarts == 0
    assert [
        record
        for record in caplog.records
        if record.name.startswith("lens") and record.levelno > logging.INFO
    ] == []


async def test_all_that_is_served_is_listed_before_anything_is_told(scene: Scene) -> None:
    put_devices(scene)
    scene.sim.serve("v1", "v1beta2", "v1beta1")
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    assert watched(scene) == NAMES
    assert gpus(scene) == ALL
    await scene.until(lambda: versions(scene) == {"v1"}, "a watch of the newest version")
    assert scene.restarts == 0


@pytest.mark.parametrize("version", ["v1", "v1beta2", "v1beta1", "v1alpha3"])
async def test_each_version_is_read(scene: Scene, version: str) -> None:
    put_devices(scene)
    scene.sim.serve(version)
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    assert watched(scene) == NAMES
    assert gpus(scene) == ALL
    assert scene.state.current.skipped == dict.fromkeys(("pods", "nodes", *NAMES), 0)


async def test_a_pool_that_is_published_again_as_it_is_is_no_change(scene: Scene) -> None:
    put_devices(scene)
    scene.sim.serve("v1")
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: gpus(scene) == ALL, "figures")
    before = scene.state.current.snapshot

    def lines(outcome: str) -> float:
        return scene.metric("lens_watch_lines_total", resource="resourceslices", outcome=outcome)

    again = {"name": "pool-b", "generation": 2, "resourceSliceCount": 1}
    scene.store.put(RESOURCE_SLICES, resource_slice("pool-b", pool=again), NOW)
    await scene.until(lambda: lines("unchanged") == 1, "the new generation")
    assert (lines("changed"), scene.state.current.snapshot is before) == (0, True)
    # An older slice of the pool doesn't count beside it.
    scene.store.put(RESOURCE_SLICES, resource_slice("old", pool=again | {"generation": 1}), NOW)
    scene.store.put(RESOURCE_SLICES, resource_slice("new", devices=3), NOW)
    await scene.until(lambda: gpus(scene) == (31, 13), "another pool")


async def test_a_resource_may_be_served_in_another_version_than_the_others(scene: Scene) -> None:
    scene.sim.serve("v1", "v1beta1", resources=FOUR[:3])
    scene.sim.serve("v1alpha3", resources=FOUR[3:])
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    assert watched(scene) == NAMES
    assert scene.front.seen("list devicetaintrules") == 1


async def test_what_is_installed_upgraded_and_removed_later_is_followed(scene: Scene) -> None:
    put_devices(scene)
    scene.watch(timeouts=QUICK)
    await scene.until_exact()
    scene.sim.serve("v1beta1")
    await scene.until(lambda: watched(scene) == NAMES, "what is installed")
    await scene.until(lambda: gpus(scene) == ALL, "its devices")
    scene.sim.serve("v1", "v1beta1")
    await scene.until(lambda: versions(scene) == {"v1"}, "the newer version")
    scene.sim.serve("v1beta1")
    await scene.until(lambda: versions(scene) == {"v1beta1"}, "the older version")
    assert scene.state.current.unseen == {}
    assert gpus(scene) == ALL
    scene.sim.serve()
    await scene.until(lambda: not watched(scene), "the removal")
    assert scene.state.current.unseen == {}
    await scene.until(lambda: gpus(scene) == PLUGINS_ALONE, "no devices")
    await scene.until_exact()
    assert scene.restarts == 0


async def test_a_kopf_that_does_not_stop_is_replaced(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    operator, runs = kopf.operator, list[object]()

    async def hangs_once(**options: Any) -> None:
        runs.append(options)
        # As while a watcher that has swallowed its cancellation is waited for.
        await (asyncio.Event().wait() if len(runs) == 1 else operator(**options))

    monkeypatch.setattr(kopf, "operator", hangs_once)
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: bool(runs), "a kopf that hangs")
    put_devices(scene)
    scene.sim.serve("v1")
    await scene.until(lambda: gpus(scene) == ALL, "the devices")
    assert (len(runs), scene.restarts) == (2, 0)


async def test_pods_are_counted_and_served_while_others_are_installed(scene: Scene) -> None:
    scene.watch(timeouts=QUICK)
    await scene.until_exact()
    unready = []
    scene.sim.serve("v1")

    def installed() -> bool:
        if not scene.state.current.synced:
            unready.append(scene.state.current)
        return watched(scene) == NAMES

    await scene.until(installed, "what is installed")
    scene.put_pod(pod("new", on="node-1"))
    await scene.until_exact()
    assert unready == []


async def test_what_is_served_in_unknown_versions_alone_is_named(scene: Scene) -> None:
    scene.sim.serve("v1")
    scene.sim.serve("v2", resources=[DEVICE_TAINT_RULES])
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    assert scene.state.current.unseen == {"devicetaintrules": "served in v2, which Lens can't read"}


async def test_what_is_forbidden_is_named_once_and_read_as_soon_as_it_is_permitted(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.sim.serve("v1")
    for resource in FOUR:
        scene.sim.forbid(resource)
    scene.watch(timeouts=QUICK)
    await scene.until_exact()
    unseen = scene.state.current.unseen
    assert set(unseen) == NAMES
    assert unseen["deviceclasses"] == (
        "HTTP 403 to GET /apis/resource.k8s.io/v1/deviceclasses: "
        "Lens's credentials lack the right to get, list or watch it"
    )
    assert scene.state.current.outage is None
    await scene.until(lambda: scene.front.seen("list deviceclasses") > 3, "further attempts")
    for resource in FOUR:
        scene.sim.permit(resource)
    await scene.until(lambda: watched(scene) == NAMES, "all four")
    await scene.until(lambda: scene.state.current.unseen == {}, "nothing unseen")
    warnings = [
        record
        for record in caplog.records
        if record.name.startswith("lens") and record.levelno > logging.INFO
    ]
    assert len([record for record in warnings if "can't be read" in record.message]) == 4
    assert len([record for record in warnings if "again" in record.message]) == 4
    assert len(warnings) == 8


async def test_one_that_is_forbidden_leaves_the_others(scene: Scene) -> None:
    scene.sim.serve("v1")
    scene.sim.forbid(DEVICE_TAINT_RULES)
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    assert watched(scene) == NAMES - {"devicetaintrules"}
    assert set(scene.state.current.unseen) == {"devicetaintrules"}


async def test_without_claims_no_slice_is_counted(scene: Scene) -> None:
    put_devices(scene)
    scene.sim.serve("v1")
    scene.sim.forbid(RESOURCE_CLAIMS)
    scene.watch(timeouts=QUICK)
    await scene.until_exact()
    assert scene.state.current.unseen["resourceslices"] == "resourceclaims can't be read"
    scene.sim.permit(RESOURCE_CLAIMS)
    await scene.until(lambda: scene.state.current.unseen == {}, "claims")
    await scene.until(lambda: gpus(scene) == ALL, "devices")


async def test_a_right_that_is_taken_away_is_named_after_a_while(scene: Scene) -> None:
    put_devices(scene)
    scene.sim.serve("v1")
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: watched(scene) == NAMES, "all four")
    scene.sim.forbid(RESOURCE_SLICES)
    scene.front.cut("watch resourceslices")
    await scene.until(lambda: "resourceslices" in scene.state.current.unseen, "a missing right")
    assert watched(scene) == NAMES - {"resourceslices"}
    # The claim's device is still held, whoever describes it.
    assert gpus(scene) == (25, 13)
    scene.sim.permit(RESOURCE_SLICES)
    lists = scene.front.seen("list resourceslices")
    await scene.until(lambda: watched(scene) == NAMES, "all four again")
    await scene.until(lambda: gpus(scene) == ALL, "devices")
    assert scene.front.seen("list resourceslices") == lists + 1
    assert scene.state.current.unseen == {}


async def test_the_right_to_list_alone_is_not_enough(scene: Scene) -> None:
    scene.sim.serve("v1")
    scene.sim.forbid(RESOURCE_SLICES, ["watch"])
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: "resourceslices" in scene.state.current.unseen, "a missing right")
    assert scene.state.current.synced


async def test_a_list_that_hangs_delays_the_first_figures_for_a_bounded_time(scene: Scene) -> None:
    scene.sim.serve("v1")
    scene.front.always("list resourceslices", faults.hang)
    scene.watch(timeouts=QUICK)
    await scene.until_listed("pods", 1)
    await scene.until_listed("resourceclaims", 1)
    await scene.until_exact()
    assert scene.state.current.unseen == {"resourceslices": "its first list takes over 2 s"}
    scene.front.always("list resourceslices", None)
    scene.front.cut("list resourceslices")
    await scene.until(lambda: watched(scene) == NAMES, "the list")
    assert scene.state.current.unseen == {}


@pytest.mark.parametrize(
    "fault", [faults.status(500), faults.html(), faults.reset, faults.raw(b"garbage\r\n\r\n")]
)
async def test_a_list_that_fails_for_long_is_named(scene: Scene, fault: Fault) -> None:
    scene.sim.serve("v1")
    scene.front.always("list resourceslices", fault)
    scene.watch(timeouts=QUICK)
    await scene.until_exact()
    assert set(scene.state.current.unseen) == {"resourceslices"}
    assert scene.state.current.outage is None
    scene.front.always("list resourceslices", None)
    await scene.until(lambda: watched(scene) == NAMES, "the list")


async def test_discovery_that_fails_delays_the_first_figures_for_a_bounded_time(scene: Scene) -> None:
    put_devices(scene)
    scene.sim.serve("v1")
    scene.front.always("/apis/resource.k8s.io", faults.status(500))
    scene.watch(timeouts=QUICK)
    await scene.until_exact()
    assert scene.state.current.unseen == {"resource.k8s.io": "HTTP 500"}
    scene.front.always("/apis/resource.k8s.io", None)
    await scene.until(lambda: watched(scene) == NAMES, "what is served")
    await scene.until(lambda: gpus(scene) == ALL, "devices")
    assert scene.state.current.unseen == {}


async def test_discovery_that_fails_later_changes_nothing(scene: Scene) -> None:
    scene.sim.serve("v1")
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: watched(scene) == NAMES, "all four")
    before = scene.front.seen("/apis/resource.k8s.io")
    scene.front.always("/apis/resource.k8s.io", faults.reset)
    await scene.until(lambda: scene.front.seen("/apis/resource.k8s.io") > before + 3, "failures")
    assert watched(scene) == NAMES
    assert scene.front.seen("/apis") == 1


async def test_a_group_that_is_away_for_a_moment_restarts_nothing(scene: Scene) -> None:
    scene.sim.serve("v1")
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: watched(scene) == NAMES, "all four")
    before = scene.front.seen("/apis/resource.k8s.io")
    scene.front.script("/apis/resource.k8s.io", faults.status(404))
    await scene.until(lambda: scene.front.seen("/apis/resource.k8s.io") > before + 4, "further discoveries")
    assert scene.front.seen("/apis") == 1


@pytest.mark.slow
async def test_an_apiserver_that_is_gone_takes_no_figure_away(scene: Scene) -> None:
    put_devices(scene)
    scene.sim.serve("v1")
    # On a busy machine one watch may have ended some seconds before the others broke.
    patient = Timeouts(discovery=0.2, forbidden=0.2, grace=5.0)
    scene.watch(timeouts=patient)
    await scene.until(lambda: watched(scene) == NAMES, "all four")
    await scene.front.stop()
    await scene.until(lambda: scene.state.current.age(time.time()) > 2 * patient.grace, "old figures")
    assert watched(scene) == NAMES
    assert gpus(scene) == ALL
    assert scene.state.current.unseen == {}
    await scene.front.start()
    await scene.until(lambda: scene.state.current.age(time.time()) < patient.grace, "new figures")
    assert gpus(scene) == ALL
    assert scene.state.current.unseen == {}


@pytest.mark.slow
async def test_what_comes_back_later_than_pods_and_nodes_is_not_forgotten(scene: Scene) -> None:
    put_devices(scene)
    scene.sim.serve("v1")
    patient = Timeouts(discovery=0.2, forbidden=0.2, grace=5.0)
    scene.watch(timeouts=patient)
    await scene.until(lambda: watched(scene) == NAMES, "all four")
    await scene.front.stop()
    await scene.until(lambda: scene.state.current.age(time.time()) > patient.grace + 1, "old figures")
    for resource in ("resourceclaims", "resourceslices"):
        for kind in (f"list {resource}", f"watch {resource}"):
            scene.front.script(kind, faults.status(503))
    await scene.front.start()
    seen = set()

    def is_current() -> bool:
        seen.add((gpus(scene), *scene.state.current.unseen))
        return scene.state.current.age(time.time()) < 2

    await scene.until(is_current, "new figures")
    assert seen == {(ALL,)}


async def test_an_odd_slice_costs_itself_alone(scene: Scene) -> None:
    put_devices(scene)
    scene.store.put(RESOURCE_SLICES, {"metadata": {"name": "odd"}, "spec": 7}, NOW)
    scene.sim.serve("v1")
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    assert scene.state.current.skipped["resourceslices"] == 1
    assert watched(scene) == NAMES
    assert gpus(scene) == ALL


async def test_devices_and_claims_are_followed_as_they_change(scene: Scene) -> None:
    put_devices(scene)
    scene.sim.serve("v1")
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    scene.store.put(RESOURCE_CLAIMS, resource_claim("two", "pool-b", "gpu-1"), NOW)
    await scene.until(lambda: gpus(scene) == (28, 14), "a further claim")
    scene.store.put(RESOURCE_SLICES, resource_slice("pool-c", devices=3), NOW)
    await scene.until(lambda: gpus(scene) == (31, 14), "a further slice")
    scene.store.delete(RESOURCE_CLAIMS, "team/two")
    scene.store.delete(RESOURCE_SLICES, "pool-c")
    await scene.until(lambda: gpus(scene) == ALL, "the end of both")


async def test_slices_in_many_pages_are_all_read(scene: Scene) -> None:
    put_devices(scene)
    for number in range(20):
        scene.store.put(RESOURCE_SLICES, resource_slice(f"more-{number}"), NOW)
    scene.sim.serve("v1")
    scene.front.page_size = 3
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.state.current.synced, "figures")
    assert scene.front.seen("page resourceslices") == 7
    assert gpus(scene) == (68, 13)


async def test_figures_are_as_old_as_the_oldest_of_what_is_counted(scene: Scene) -> None:
    put_devices(scene)
    scene.sim.serve("v1")
    scene.watch(timeouts=Timeouts(discovery=0.2, forbidden=0.2))
    await scene.until(lambda: watched(scene) == NAMES, "all four")
    scene.front.always("watch resourceslices", faults.hang)
    scene.front.cut("watch resourceslices")
    await scene.until(lambda: scene.state.current.age(time.time()) > 3.0, "old figures")
    contacts = scene.state.current.contacts
    assert min(contacts, key=lambda resource: contacts[resource]) == "resourceslices"
    scene.front.always("watch resourceslices", None)
    scene.front.cut("watch resourceslices")
    await scene.until(lambda: scene.state.current.age(time.time()) < 1.0, "current figures")
    assert gpus(scene) == ALL


async def test_a_resource_that_kopf_does_not_find_restarts_it(scene: Scene) -> None:
    def drop(page: Object) -> None:
        page["resources"] = [each for each in page["resources"] if each["name"] != "resourceslices"]

    put_devices(scene)
    scene.sim.serve("v1")
    kind = "/apis/resource.k8s.io/v1"
    # The first request is that of Lens, the second kopf's.
    scene.front.script(kind, Exchange.forward, faults.rewritten(drop))
    scene.watch(timeouts=Timeouts(stall=3.0, discovery=60.0))
    await scene.until(lambda: watched(scene) == NAMES, "all four")
    assert scene.restarts == 1
    assert gpus(scene) == ALL


@pytest.mark.slow
async def test_apiservers_that_serve_different_versions_restart_nothing(scene: Scene) -> None:
    turns = itertools.cycle((Exchange.forward, faults.status(404)))

    async def one_after_another(exchange: Exchange) -> None:
        await next(turns)(exchange)

    put_devices(scene)
    scene.sim.serve("v1")
    scene.front.always("/apis/resource.k8s.io", one_after_another)
    scene.watch(timeouts=QUICK)
    await scene.until(lambda: scene.front.seen("/apis/resource.k8s.io") > 10, "discovery, again and again")
    assert scene.front.seen("/apis") == 1
    assert gpus(scene) == ALL
