from datetime import UTC, datetime, timedelta

import pytest

from lens_sim.objects.resources import NODES, PODS, Object
from lens_sim.objects.store import CompactedError, Store

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def pod(name: str, phase: str = "Pending", namespace: str = "ns") -> Object:
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": []},
        "status": {"phase": phase},
    }


def phases(store: Store, version: int | None = None) -> dict[str, str]:
    return {found.key: found.fields["status.phase"] for found in store.snapshot(PODS, version=version)}


def test_a_new_object_gets_what_an_apiserver_gives_it() -> None:
    store = Store()
    metadata = store.put(PODS, pod("a"), NOW)["metadata"]
    assert metadata["creationTimestamp"] == "2026-01-05T12:00:00Z"
    assert metadata["resourceVersion"] == str(store.version)
    assert metadata["generation"] == 1
    assert len(metadata["uid"]) == 36


def test_an_update_keeps_the_identity_and_counts_the_spec_only() -> None:
    store = Store()
    first = store.put(PODS, pod("a"), NOW)["metadata"]
    status_only = store.put(PODS, pod("a", "Running"), LATER)["metadata"]
    assert (status_only["uid"], status_only["creationTimestamp"]) == (
        first["uid"],
        first["creationTimestamp"],
    )
    assert status_only["generation"] == 1
    assert int(status_only["resourceVersion"]) > int(first["resourceVersion"])
    changed = store.put(PODS, pod("a") | {"spec": {"nodeName": "n"}}, LATER)["metadata"]
    assert changed["generation"] == 2


def test_a_write_that_changes_nothing_makes_no_event() -> None:
    store = Store()
    store.put(PODS, pod("a"), NOW)
    version = store.version
    store.put(PODS, pod("a"), LATER)
    assert store.version == version


def test_the_status_is_replaced_alone() -> None:
    store = Store()
    store.put(PODS, pod("a"), NOW)
    updated = store.update_status(PODS, "ns/a", {"phase": "Failed"}, LATER)
    assert updated["status"] == {"phase": "Failed"}
    assert updated["spec"] == {"containers": []}
    with pytest.raises(KeyError):
        store.update_status(PODS, "ns/b", {}, LATER)


def test_what_was_read_can_be_changed_without_changing_the_store() -> None:
    store = Store()
    store.put(PODS, pod("a"), NOW)
    read = store.get(PODS, "ns/a")
    assert read is not None
    read["status"]["phase"] = "Failed"
    assert phases(store) == {"ns/a": "Pending"}


def test_a_snapshot_stays_what_it_was() -> None:
    store = Store()
    for name in ("b", "a", "c"):
        store.put(PODS, pod(name), NOW)
    past = store.version
    store.put(PODS, pod("a", "Running"), NOW)
    store.delete(PODS, "ns/b")
    store.put(PODS, pod("d"), NOW)
    assert phases(store, past) == {"ns/a": "Pending", "ns/b": "Pending", "ns/c": "Pending"}
    assert phases(store) == {"ns/a": "Running", "ns/c": "Pending", "ns/d": "Pending"}


def test_a_namespace_holds_its_own_pods_only() -> None:
    store = Store()
    for namespace in ("ml", "ml-team", "ml0", "m"):
        store.put(PODS, pod("a", namespace=namespace), NOW)
    assert [found.key for found in store.snapshot(PODS, namespace="ml")] == ["ml/a"]
    assert [found.key for found in store.snapshot(PODS, namespace="ml-team")] == ["ml-team/a"]
    assert store.snapshot(PODS, namespace="none") == []


def test_compaction_forgets_the_past_and_keeps_the_present() -> None:
    store = Store()
    store.put(PODS, pod("a"), NOW)
    store.put(PODS, pod("gone"), NOW)
    past = store.version
    store.put(PODS, pod("a", "Running"), NOW)
    store.delete(PODS, "ns/gone")
    store.compact()
    with pytest.raises(CompactedError):
        store.snapshot(PODS, version=past)
    with pytest.raises(CompactedError), store.watch(PODS, past):
        pass
    assert phases(store, store.version) == {"ns/a": "Running"}
    with store.watch(PODS, store.version):
        store.put(PODS, pod("gone"), NOW)
    assert phases(store) == {"ns/a": "Running", "ns/gone": "Pending"}


def test_a_recreated_object_is_another_one() -> None:
    store = Store()
    first = store.put(PODS, pod("a"), NOW)["metadata"]["uid"]
    store.delete(PODS, "ns/a")
    assert store.put(PODS, pod("a"), NOW)["metadata"]["uid"] != first
    with pytest.raises(KeyError):
        store.delete(PODS, "ns/b")


def test_the_history_is_bounded() -> None:
    store = Store(history=10)
    for number in range(100):
        store.put(PODS, pod("a", f"phase-{number}"), NOW)
    assert phases(store, store.version - 10) == {"ns/a": "phase-89"}
    with pytest.raises(CompactedError):
        store.snapshot(PODS, version=store.version - 30)
    store.put(NODES, {"metadata": {"name": "n"}}, NOW)
    assert [found.key for found in store.snapshot(NODES, version=store.version - 1)] == []


async def test_a_watch_gives_the_backlog_and_then_what_happens() -> None:
    store = Store()
    store.put(PODS, pod("a"), NOW)
    since = store.version
    store.put(PODS, pod("b"), NOW)
    with store.watch(PODS, since) as watch:
        assert [event.key for event in await watch.unread(at_most=0)] == ["ns/b"]
        store.put(NODES, {"metadata": {"name": "n"}}, NOW)
        store.delete(PODS, "ns/a")
        (event,) = await watch.unread(at_most=5)
        assert event.after is None
        assert event.before is not None
        assert event.before.key == "ns/a"
        store.compact()
        store.put(PODS, pod("c"), NOW)
        assert [event.key for event in await watch.unread(at_most=5)] == ["ns/c"]


async def test_a_reader_that_is_too_slow_is_noticed() -> None:
    store = Store(history=5)
    with store.watch(PODS, store.version) as watch:
        for number in range(20):
            store.put(PODS, pod(f"pod-{number}"), NOW)
        assert watch.lagging
        assert len(await watch.unread(at_most=0)) < 20


async def test_an_etcd_restored_goes_back_to_the_old_objects_and_counter() -> None:
    store = Store()
    store.put(PODS, pod("a"), NOW)
    store.put(PODS, pod("deleted"), NOW)
    backup = store.version
    store.put(PODS, pod("a", "Running"), NOW)
    store.put(PODS, pod("new"), NOW)
    store.delete(PODS, "ns/deleted")
    newest = store.version
    store.rewind(backup)
    assert store.version == backup
    assert phases(store) == {"ns/a": "Pending", "ns/deleted": "Pending"}
    with store.watch(PODS, newest) as from_the_future:
        store.put(PODS, pod("b"), NOW)
        assert await from_the_future.unread(at_most=0.01) == []
    store.compact()
    with pytest.raises(CompactedError):
        store.rewind(backup)


def test_two_stores_of_one_seed_give_the_same_uids() -> None:
    uids = [Store(seed).put(PODS, pod("a"), NOW)["metadata"]["uid"] for seed in (7, 7, 8)]
    assert uids[0] == uids[1] != uids[2]


def test_an_object_of_any_shape_is_kept() -> None:
    store = Store()
    garbage = {"metadata": {"name": "x", "namespace": "ns", "labels": "none"}, "spec": 5, "status": [1]}
    stored = store.put(PODS, garbage, NOW)
    assert (stored["spec"], stored["status"]) == (5, [1])
    assert phases(store) == {"ns/x": ""}
