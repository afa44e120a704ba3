"""What happens in a simulated day, change by change."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest

from lens_sim.objects.resources import NODES, PODS, Object
from lens_sim.objects.store import Store
from tests.profiles import full_or
from tests.sim.living import (
    GPU,
    NOW,
    devices_of,
    gpus_of,
    holds,
    lived,
    taints_of,
)

HOURS = full_or(6, 24)
"""How much of the day is lived."""


@dataclass(frozen=True)
class Change:
    """One version of a node or pod as the store's history has it; no object when it was deleted."""

    version: int
    key: str
    before: Object | None
    after: Object | None


@pytest.fixture(scope="module")
def day() -> list[Change]:
    """Live the day with ten nodes and return all that changed in it, in order."""
    return asyncio.run(_day())


async def _day() -> list[Change]:
    store = Store(history=50_000)
    beginning = store.version
    lived(store, 1, [timedelta(hours=HOURS)])
    changes = []
    for resource in (NODES, PODS):
        with store.watch(resource, beginning) as watch:
            last: dict[str, tuple[bytes, Object]] = {}
            for event in await watch.unread(at_most=0):
                before, after = (
                    None if state is None else _decoded(event.key, state.body, last)
                    for state in (event.before, event.after)
                )
                changes.append(Change(event.version, event.key, before, after))
    return sorted(changes, key=lambda change: change.version)


def _decoded(key: str, body: bytes, last: dict[str, tuple[bytes, Object]]) -> Object:
    """Return an object's state. What it was before a change is what it became in the last one."""
    known = last.get(key)
    if known is not None and known[0] == body:
        return known[1]
    found: Object = msgspec.json.decode(body)
    last[key] = (body, found)
    return found


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


def test_no_gpu_is_allocated_twice_or_to_a_pod_that_holds_none(day: list[Change]) -> None:
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
    assert given > 500 * HOURS / 24


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
    assert bound > 500 * HOURS / 24


def test_ml_team_holds_gpus_all_day(day: list[Change]) -> None:
    holding: set[str] = set()
    for change in day:
        if change.key.startswith("ml-team/"):
            if change.after is not None and holds(change.after) and gpus_of(change.after):
                holding.add(change.key)
            else:
                holding.discard(change.key)
        assert holding or change.version < 40


def test_a_day_has_every_kind_of_workload_and_phase(day: list[Change]) -> None:
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


def test_a_day_has_every_failure_and_its_end(day: list[Change]) -> None:
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
    assert noise > 1_000 * HOURS / 24
    assert sum(taints_of(node) != {(GPU, "NoSchedule")} for node in nodes.values()) <= 2
