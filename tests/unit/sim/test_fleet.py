import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

import msgspec
import pytest

from lens.sim.fleet import Fleet
from lens.sim.resources import DAEMON_SETS, NODES, PODS, Object
from lens.sim.store import Store

NOW = datetime(2026, 1, 5, 12, 3, 7, tzinfo=UTC)
GPU = "nvidia.com/gpu"


def objects(store: Store, version: int | None = None) -> tuple[list[Object], list[Object]]:
    nodes, pods = (
        [msgspec.json.decode(found.body) for found in store.snapshot(resource, version=version)]
        for resource in (NODES, PODS)
    )
    return nodes, pods


def gpus_of(pod: Object) -> int:
    """Recount a pod's request, container by container."""

    def gpus(container: Object) -> int:
        return int(container["resources"]["requests"].get(GPU, 0))

    sidecars = peak = 0
    for container in pod["spec"].get("initContainers", []):
        if container.get("restartPolicy") == "Always":
            sidecars += gpus(container)
        else:
            peak = max(peak, gpus(container) + sidecars)
    return max(peak, sidecars + sum(gpus(container) for container in pod["spec"]["containers"]))


def holds(pod: Object) -> bool:
    return "nodeName" in pod["spec"] and pod["status"]["phase"] not in ("Succeeded", "Failed")


def held(pods: list[Object]) -> Counter[str]:
    found: Counter[str] = Counter()
    for pod in pods:
        if holds(pod):
            found[pod["spec"]["nodeName"]] += gpus_of(pod)
    return found


def devices_of(pod: Object) -> list[str]:
    return [
        device["resourceID"]
        for container in pod["status"].get("containerStatuses", [])
        for resource in container.get("allocatedResourcesStatus", [])
        for device in resource["resources"]
        if (resource["name"], device["health"]) == (GPU, "Healthy")
    ]


def taints_of(node: Object) -> set[tuple[str, str]]:
    return {(taint["key"], taint["effect"]) for taint in node["spec"]["taints"]}


def lived(store: Store, seed: int, steps: list[timedelta], nodes: int = 10) -> None:
    fleet = Fleet(store, NOW, nodes=nodes, seed=seed)
    now = NOW
    for step in steps:
        now += step
        fleet.step(now)


@dataclass(frozen=True)
class Change:
    """One version of a node or pod as the store's history has it; no object when it was deleted."""

    version: int
    key: str
    before: Object | None
    after: Object | None


@pytest.fixture(scope="module")
def day() -> list[Change]:
    """Live a day with ten nodes and return all that changed in it, in order."""
    return asyncio.run(_day())


async def _day() -> list[Change]:
    store = Store(history=50_000)
    beginning = store.version
    lived(store, 1, [timedelta(days=1)])
    changes = []
    for resource in (NODES, PODS):
        with store.watch(resource, beginning) as watch:
            for event in await watch.unread(at_most=0):
                before, after = (
                    None if state is None else msgspec.json.decode(state.body)
                    for state in (event.before, event.after)
                )
                changes.append(Change(event.version, event.key, before, after))
    return sorted(changes, key=lambda change: change.version)


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
    lived(store, 1, [timedelta(hours=2)], nodes)
    found, pods = objects(store)
    assert len(found) == nodes
    assert any(pod["metadata"]["namespace"] == "ml-team" and holds(pod) for pod in pods)
    assert all(count <= 8 for count in held(pods).values())


def test_no_node_ever_holds_more_than_it_offers(day: list[Change]) -> None:
    offers: dict[str, int] = {}
    holding: dict[str, tuple[str, int]] = {}
    fullest = 0
    for change in day:
        obj = change.after
        if "/" not in change.key:
            assert obj is not None
            offers[change.key] = int(obj["status"]["allocatable"][GPU])
            assert offers[change.key] <= int(obj["status"]["capacity"][GPU]) == 8
        elif obj is not None and holds(obj):
            holding[change.key] = (obj["spec"]["nodeName"], gpus_of(obj))
        else:
            holding.pop(change.key, None)
        totals: Counter[str] = Counter()
        for node, gpus in holding.values():
            totals[node] += gpus
        for node, gpus in totals.items():
            assert gpus <= offers[node], f"{node} offers {offers[node]} GPUs at version {change.version}"
        fullest = max(fullest, sum(totals.values()))
    assert fullest > 64


def test_no_gpu_is_ever_given_twice_nor_to_a_pod_that_holds_none(day: list[Change]) -> None:
    holder: dict[str, str] = {}
    given = 0
    for change in day:
        if "/" not in change.key:
            continue
        holder = {device: key for device, key in holder.items() if key != change.key}
        if change.after is None:
            continue
        devices = devices_of(change.after)
        main = change.after["spec"]["containers"][0]["resources"]["requests"]
        assert len(devices) == (int(main.get(GPU, 0)) if holds(change.after) else 0)
        for device in devices:
            assert device not in holder, f"{device} is {holder[device]}'s at version {change.version}"
            holder[device] = change.key
        if change.before and devices_of(change.before) and holds(change.after):
            assert devices == devices_of(change.before)
        given += bool(devices) and not (change.before and devices_of(change.before))
    assert given > 500


@pytest.mark.parametrize("seed", [1, 2])
def test_pods_hold_healthy_gpus_of_their_own_node(seed: int) -> None:
    fleet = Fleet(Store(), NOW, nodes=10, seed=seed)
    everywhere = [device for node in fleet.nodes for device in node.devices.uuids]
    assert len(set(everywhere)) == 80
    unhealthy = shared_out = 0
    for minutes in range(0, 24 * 60, 2):
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


def conditions_of(pod: Object) -> dict[str, str]:
    return {condition["type"]: condition["status"] for condition in pod["status"]["conditions"]}


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
    for minutes in range(1, 180):
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


def test_a_pod_is_bound_only_where_a_scheduler_would_bind_it(day: list[Change]) -> None:
    nodes: dict[str, Object] = {}
    bound = 0
    for change in day:
        pod = change.after
        if "/" not in change.key:
            assert pod is not None
            nodes[change.key] = pod
        elif pod and change.before and "nodeName" in pod["spec"].keys() - change.before["spec"].keys():
            node = nodes[pod["spec"]["nodeName"]]
            assert taints_of(node) == {(GPU, "NoSchedule")}
            assert not node["spec"].get("unschedulable")
            assert pod["status"]["phase"] == "Pending"
            bound += 1
    assert bound > 500


def test_ml_team_holds_gpus_all_day(day: list[Change]) -> None:
    holding: set[str] = set()
    for change in day:
        if change.key.startswith("ml-team/"):
            if change.after is not None and holds(change.after) and gpus_of(change.after):
                holding.add(change.key)
            else:
                holding.discard(change.key)
        assert holding or change.version < 40


def test_a_day_brings_every_kind_of_workload_and_phase(day: list[Change]) -> None:
    owners: set[str] = set()
    phases: set[str] = set()
    waited = vanished = terminating = 0
    for change in day:
        if "/" not in change.key:
            continue
        if change.after is None:
            vanished += 1
            continue
        metadata, status = change.after["metadata"], change.after["status"]
        owners |= {owner["kind"] for owner in metadata.get("ownerReferences", [{"kind": "none"}])}
        phases.add(status["phase"])
        terminating += "deletionTimestamp" in metadata
        waited += any(condition.get("reason") == "Unschedulable" for condition in status["conditions"])
        if status["phase"] in ("Running", "Succeeded", "Failed"):
            assert status["startTime"] >= metadata["creationTimestamp"]
    assert owners == {"none", "Job", "ReplicaSet", "PyTorchJob", "DaemonSet"}
    assert phases == {"Pending", "Running", "Succeeded", "Failed"}
    assert min(waited, vanished, terminating) > 10


def test_a_cronjobs_jobs_are_named_after_their_scheduled_minute(day: list[Change]) -> None:
    names = {
        owner["name"]
        for change in day
        if change.after is not None
        for owner in change.after["metadata"].get("ownerReferences", [])
        if owner["name"].startswith("embedding-refresh-")
    }
    minutes = sorted(int(name.removeprefix("embedding-refresh-")) for name in names)
    assert minutes[0] == NOW.timestamp() // 600 * 10 + 10
    assert {later - earlier for earlier, later in pairwise(minutes)} == {10}


def test_a_day_brings_every_trouble_and_an_end_to_it(day: list[Change]) -> None:
    seen: Counter[str] = Counter()
    noise = 0
    nodes: dict[str, Object] = {}
    for change in day:
        node = change.after
        if "/" in change.key or node is None:
            continue
        nodes[change.key] = node
        keys = {key for key, _ in taints_of(node)}
        ready = next(one["status"] for one in node["status"]["conditions"] if one["type"] == "Ready")
        for key, status in (
            ("node.kubernetes.io/not-ready", "False"),
            ("node.kubernetes.io/unreachable", "Unknown"),
        ):
            assert (key in keys) is (ready == status)
            if key in keys:
                seen[key] += 1
                assert {(key, "NoSchedule"), (key, "NoExecute")} <= taints_of(node)
        assert ("node.kubernetes.io/unschedulable" in keys) is node["spec"].get("unschedulable", False)
        seen["cordon"] += node["spec"].get("unschedulable", False)
        seen["unhealthy"] += node["status"]["allocatable"][GPU] == "7"
        noise += change.before is not None and change.before["spec"] == node["spec"]
    assert len(seen) == 4
    assert min(seen.values()) > 5
    assert noise > 1_000
    assert sum(taints_of(node) != {(GPU, "NoSchedule")} for node in nodes.values()) <= 2
