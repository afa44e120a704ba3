"""Whoever follows owner references in the simulated cluster finds at each step what they name."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from lens_sim.cluster.fleet import Fleet
from lens_sim.objects.resources import OWNERS, PODS, Object
from lens_sim.objects.store import Store

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
RESOURCES = {(resource.api_version, resource.kind): resource for resource in OWNERS}


def controller(obj: Object) -> Object | None:
    """Return the owner reference of what controls an object."""
    references: list[Object] = obj["metadata"].get("ownerReferences", [])
    return references[0] if references else None


def chain(store: Store, obj: Object) -> list[str]:
    """Return the kinds above an object. Fail where one is not there."""
    kinds = []
    while (named := controller(obj)) is not None and named["kind"] != "DaemonSet":
        resource = RESOURCES[named["apiVersion"], named["kind"]]
        found = store.get(resource, f"{obj['metadata']['namespace']}/{named['name']}")
        assert found is not None, named
        assert found["metadata"]["uid"] == named["uid"]
        kinds.append(named["kind"])
        obj = found
    return kinds


def objects(store: Store) -> list[Object]:
    """Return the pods."""
    pods = (store.get(PODS, revision.key) for revision in store.snapshot(PODS))
    return [pod for pod in pods if pod is not None]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_every_owner_is_there_as_long_as_its_pods_are_and_no_longer(seed: int) -> None:
    store = Store(seed)
    fleet = Fleet(store, NOW, nodes=10, seed=seed)
    seen: Counter[tuple[str, ...]] = Counter()
    for hour in range(1, 7):
        fleet.step(NOW + timedelta(hours=hour))
        above: set[str] = set()
        for pod in objects(store):
            seen[tuple(chain(store, pod))] += 1
            step: Object | None = pod
            while (
                step is not None and (named := controller(step)) is not None and named["kind"] != "DaemonSet"
            ):
                above.add(named["uid"])
                key = f"{pod['metadata']['namespace']}/{named['name']}"
                step = store.get(RESOURCES[named["apiVersion"], named["kind"]], key)
        for resource in OWNERS:
            for revision in store.snapshot(resource):
                owner = store.get(resource, revision.key)
                assert owner is not None
                assert owner["metadata"]["uid"] in above or resource.kind == "CronJob", revision.key
    assert {
        (),
        ("Job",),
        ("Job", "CronJob"),
        ("Job", "JobSet"),
        ("PyTorchJob",),
        ("ReplicaSet", "Deployment"),
    } <= seen.keys()
