import asyncio
import time
from datetime import datetime, timedelta
from itertools import count, pairwise

import pytest

from lens_sim.cluster.agenda import Agenda
from lens_sim.cluster.fleet import Fleet
from lens_sim.objects.resources import DAEMON_SETS, PODS, Object
from lens_sim.objects.store import Store
from tests.profiles import full_or
from tests.sim.living import (
    NOW,
    conditions_of,
    gpus_of,
    held,
    holds,
    lived,
    objects,
)

HOURS = full_or(4, 24)


def test_two_fleets_of_one_seed_are_equal_however_their_time_is_cut() -> None:
    one, other, third = Store(seed=3), Store(seed=3), Store(seed=3)
    lived(one, 3, [timedelta(seconds=10)] * 360)
    lived(other, 3, [timedelta(seconds=10)] * 360)
    lived(third, 3, [timedelta(hours=1)])
    assert objects(one) == objects(other) == objects(third)
    assert one.version == other.version == third.version


async def test_a_fleet_lives_by_a_clock_until_it_is_stopped() -> None:
    store = Store()
    fleet = Fleet(store, NOW, nodes=10, seed=1)
    minutes = count(1)
    life = asyncio.create_task(fleet.run(lambda: NOW + timedelta(minutes=next(minutes)), interval=0))
    with store.watch(PODS, store.version) as watch:
        assert await watch.unread(at_most=10)
    life.cancel()
    with pytest.raises(asyncio.CancelledError):
        await life


async def test_a_fleet_too_large_for_its_machine_leaves_others_their_turn() -> None:
    """The demo's Lens is on the same loop: it has to answer, and to end when it is told to."""
    store = Store()
    fleet = Fleet(store, NOW, nodes=10, seed=1)
    before, looks, seen = store.version, [time.monotonic()], asyncio.Event()

    def clock() -> datetime:
        looks.append(time.monotonic())
        if len(looks) == 5:
            seen.set()
        return NOW + timedelta(days=365 * len(looks))

    life = asyncio.create_task(fleet.run(clock))
    await seen.wait()
    life.cancel()
    with pytest.raises(asyncio.CancelledError):
        await life
    # A year of it would take minutes.
    assert max(later - look for look, later in pairwise(looks)) < 10
    assert store.version > before


def test_what_is_put_off_keeps_its_order() -> None:
    agenda, done = Agenda(), list[tuple[str, datetime]]()
    for name, seconds in (("second", 20), ("first", 10), ("third", 3600)):
        agenda.after(NOW, seconds, lambda at, name=name: done.append((name, at)))  # type: ignore[misc]
    now = NOW + timedelta(seconds=30)
    assert not agenda.run_until(now, lambda: True)
    agenda.put_off(now)
    assert agenda.run_until(now, lambda: True)
    # Nothing is due any more: nothing is put off.
    agenda.put_off(now)
    assert agenda.run_until(NOW + timedelta(seconds=3610))
    assert done == [
        ("first", NOW + timedelta(seconds=10)),
        ("second", now),
        ("third", NOW + timedelta(seconds=3610)),
    ]


def test_another_seed_is_another_fleet() -> None:
    one, other = Store(seed=3), Store(seed=3)
    lived(one, 3, [timedelta(hours=1)])
    lived(other, 4, [timedelta(hours=1)])
    assert objects(one) != objects(other)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_beginning_is_a_filled_cluster_with_a_past(seed: int) -> None:
    store = Store()
    Fleet(store, NOW, nodes=10, seed=seed)
    nodes, pods = objects(store)
    assert [node["metadata"]["name"] for node in nodes[:2]] == ["gpu-node-1", "gpu-node-10"]
    assert 0.75 <= sum(held(pods).values()) / 80 <= 0.92
    started = [
        datetime.fromisoformat(pod["status"]["startTime"])
        for pod in pods
        if gpus_of(pod) and pod["status"]["phase"] == "Running"
    ]
    ages = sorted((NOW - at) / timedelta(hours=1) for at in started)
    assert ages[0] < 1
    assert any(24 < age < 48 for age in ages)
    assert any(age > 48 for age in ages)
    first = store.get(PODS, "ml-team/training-job-1-worker-0")
    assert first is not None
    assert first["spec"]["nodeName"] == "gpu-node-1"
    assert gpus_of(first) == 4
    assert any(gpus_of(pod) == 0 for pod in pods)


@pytest.mark.parametrize("nodes", [1, 2, 3, 5, 25])
def test_a_fleet_of_any_size_lives(nodes: int) -> None:
    store = Store()
    lived(store, 1, [timedelta(minutes=full_or(30, 120))], nodes)
    found, pods = objects(store)
    assert len(found) == nodes
    assert any(pod["metadata"]["namespace"] == "ml-team" and holds(pod) for pod in pods)
    assert all(count <= 8 for count in held(pods).values())


@pytest.mark.parametrize("seed", [1, 2])
def test_pods_hold_healthy_gpus_of_their_own_node(seed: int) -> None:
    fleet = Fleet(Store(), NOW, nodes=10, seed=seed)
    everywhere = [device for node in fleet.nodes for device in node.devices.uuids]
    assert len(set(everywhere)) == 80
    unhealthy = shared_out = 0
    for minutes in range(0, HOURS * 60, 2):
        fleet.step(NOW + timedelta(minutes=minutes))
        for node in fleet.nodes:
            held = [device for pod in fleet.pods_on(node) for device in pod.devices]
            assert len(held) == len(set(held)) == node.allocated.gpus
            assert set(held) <= set(node.devices.healthy) <= set(node.devices.uuids)
            assert len(node.devices.healthy) == node.allocatable.gpus
            unhealthy += len(node.devices.healthy) == 7
            for pod in fleet.pods_on(node):
                shares = pod.shape.devices(pod.devices)
                shared_out += "evaluator" in shares
                in_containers = [device for devices in shares.values() for device in devices]
                assert len(in_containers) == pod.shape.app.gpus + pod.shape.sidecar.gpus
                assert set(in_containers) <= set(pod.devices)
    assert min(unhealthy, shared_out) > 10


def test_every_node_has_an_agent_of_the_daemon_set_at_an_address_of_its_own() -> None:
    store = Store()
    Fleet(store, NOW, nodes=300)
    daemon_set = store.get(DAEMON_SETS, "lens/lens-agent")
    assert daemon_set is not None
    assert daemon_set["status"]["desiredNumberScheduled"] == daemon_set["status"]["numberReady"] == 300
    agents = [pod for pod in objects(store)[1] if pod["metadata"]["namespace"] == "lens"]
    assert {pod["spec"]["nodeName"] for pod in agents} == {f"gpu-node-{n}" for n in range(1, 301)}
    assert len({pod["status"]["podIP"] for pod in agents}) == 300
    for pod in agents:
        assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "lens-agent"
        (owner,) = pod["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("DaemonSet", daemon_set["metadata"]["uid"])
        assert owner["controller"]
        assert pod["status"]["podIP"].startswith("127.1.")
        assert pod["status"]["phase"] == "Running"
        assert conditions_of(pod)["Ready"] == "True"
        assert gpus_of(pod) == 0


def test_no_pod_of_a_node_that_is_silent_is_ready() -> None:
    store = Store()
    fleet = Fleet(store, NOW, nodes=10, seed=1)
    silences = 0
    for minutes in range(1, full_or(60, 180)):
        fleet.step(NOW + timedelta(minutes=minutes))
        nodes, pods = objects(store)
        silent = {
            node["metadata"]["name"]
            for node in nodes
            if next(one["status"] for one in node["status"]["conditions"] if one["type"] == "Ready") != "True"
        }
        silences += len(silent)
        running = [pod for pod in pods if pod["status"]["phase"] == "Running"]
        for pod in running:
            assert (conditions_of(pod)["Ready"] == "False") is (pod["spec"]["nodeName"] in silent)
        daemon_set = store.get(DAEMON_SETS, "lens/lens-agent")
        assert daemon_set is not None
        assert daemon_set["status"]["numberUnavailable"] == len(silent)
    assert silences > 10


def test_agents_that_are_yet_to_start_wait_and_come_and_go() -> None:
    store = Store()
    fleet = Fleet(store, NOW, nodes=3, agents=2)

    def seen(name: str) -> tuple[str, str | None, int]:
        pod = next(pod for pod in objects(store)[1] if pod["spec"].get("nodeName") == name and named(pod))
        return (
            pod["status"]["phase"],
            conditions_of(pod).get("Ready"),
            pod["status"]["containerStatuses"][0]["restartCount"],
        )

    def named(pod: Object) -> bool:
        return str(pod["metadata"]["name"]).startswith("lens-agent-")

    assert sum(map(named, objects(store)[1])) == 2
    first = fleet.nodes[0]
    assert seen(first.name) == ("Pending", None, 0)
    fleet.agent_runs(first, NOW + timedelta(seconds=5), runs=True)
    assert seen(first.name) == ("Running", "True", 0)
    fleet.agent_runs(first, NOW + timedelta(seconds=60), runs=False)
    assert seen(first.name) == ("Running", "False", 0)
    fleet.agent_runs(first, NOW + timedelta(seconds=90), runs=True)
    assert seen(first.name) == ("Running", "True", 1)
    assert seen(fleet.nodes[1].name) == ("Pending", None, 0)


def test_how_many_nodes_have_agents_changes_nothing_else() -> None:
    def others(agents: int | None) -> list[Object]:
        store = Store(seed=3)
        fleet = Fleet(store, NOW, nodes=4, seed=3, agents=agents)
        fleet.step(NOW + timedelta(hours=1))
        pods = [pod for pod in objects(store)[1] if pod["metadata"]["namespace"] != "lens"]
        return [{"name": pod["metadata"]["name"], "spec": pod["spec"]} for pod in pods]

    assert others(None) == others(2) == others(0)
