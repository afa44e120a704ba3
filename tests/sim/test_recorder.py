"""A simulated cluster records what happens in it as a real one does, and forgets it after an hour."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from lens_sim.cluster.fleet import Fleet
from lens_sim.objects.resources import EVENTS, PODS, Object
from lens_sim.objects.store import Store

NOW = datetime(2026, 1, 5, 12, 3, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def hours() -> list[list[Object]]:
    """Return the Events that there are after each of six hours, with the uids of the pods."""
    store = Store()
    fleet = Fleet(store, NOW, nodes=10, seed=1)
    found = []
    for hour in range(1, 7):
        fleet.step(NOW + timedelta(hours=hour))
        found.append(objects(store))
    return found


def objects(store: Store) -> list[Object]:
    found = (store.get(EVENTS, revision.key) for revision in store.snapshot(EVENTS))
    return [event for event in found if event is not None]


def last(event: Object) -> datetime:
    series = event.get("series", {})
    return datetime.fromisoformat(
        event["lastTimestamp"] or series.get("lastObservedTime") or event["eventTime"]
    )


def test_what_happens_is_recorded_by_whom_it_is_in_a_real_cluster(hours: list[list[Object]]) -> None:
    seen = Counter(
        (event["involvedObject"]["kind"], event["reportingComponent"], event["reason"], event["type"])
        for events in hours
        for event in events
    )
    assert {
        ("Pod", "default-scheduler", "Scheduled", "Normal"),
        ("Pod", "default-scheduler", "FailedScheduling", "Warning"),
        ("Pod", "kubelet", "Started", "Normal"),
        ("Pod", "kubelet", "Killing", "Normal"),
        ("Pod", "node-controller", "NodeNotReady", "Warning"),
        ("Node", "node-controller", "NodeNotReady", "Normal"),
        ("Node", "kubelet", "NodeReady", "Normal"),
        ("Node", "kubelet", "NodeNotSchedulable", "Normal"),
        ("Node", "kubelet", "NodeSchedulable", "Normal"),
    } == set(seen)


def test_an_event_is_there_for_an_hour_after_it_last_happened(hours: list[list[Object]]) -> None:
    for hour, events in enumerate(hours, 1):
        ages = [NOW + timedelta(hours=hour) - last(event) for event in events]
        assert timedelta() <= min(ages)
        assert max(ages) < timedelta(hours=1, seconds=1)


def test_what_happens_again_is_counted(hours: list[list[Object]]) -> None:
    counts = [event.get("count") or event.get("series", {}).get("count", 1) for event in hours[-1]]
    assert max(counts) > 1


def test_an_event_names_its_pod_by_uid() -> None:
    store = Store()
    fleet = Fleet(store, NOW, nodes=3, seed=2)
    fleet.step(NOW + timedelta(minutes=30))
    named = 0
    for event in objects(store):
        regarding = event["involvedObject"]
        pod = store.get(PODS, f"{regarding.get('namespace')}/{regarding['name']}")
        if pod is not None:
            assert regarding["uid"] == pod["metadata"]["uid"]
            named += 1
    assert named > 5
