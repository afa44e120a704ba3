"""A list that is kept in order is the list that would be sorted anew, whatever has happened since."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.model.inventory.ledger import Ledger
from lens.model.inventory.list_index import Key, ListIndex, bound, unbound
from lens.model.inventory.objects.pod import Pod, PodKey, Workload
from lens.model.inventory.snapshot import EMPTY, Snapshot
from lens.model.k8s.taints import TaintPolicy
from tests.profiles import full_or

NAMES = st.builds("{}{}".format, st.sampled_from(["a", "a-", "a.b", "b"]), st.integers(0, 9))
PODS = st.builds(
    Pod,
    namespace=st.sampled_from(["team", "team-a", "team.b"]),
    name=NAMES,
    uid=st.just("u"),
    node=st.sampled_from(["", "n1", "n2", "n3"]),
    phase=st.sampled_from(["Running", "Pending"]),
    units=st.integers(1, 3).map(lambda number: (("nvidia.com/gpu", number),)),
    started_at=st.integers(0, 3),
    terminating=st.booleans(),
    controller=st.none(),
    workload=st.just(Workload("Pod", "p")),
)
CHANGES = st.lists(st.lists(st.tuples(PODS, st.booleans()), max_size=12), min_size=1, max_size=8)


def by_name(_: Snapshot, pod: Pod) -> Key | None:
    return (pod.namespace, pod.name)


def by_gpus(_: Snapshot, pod: Pod) -> Key | None:
    return (pod.gpus, pod.namespace, pod.name)


def by_start_if_running(_: Snapshot, pod: Pod) -> Key | None:
    return (pod.started_at or 0, pod.namespace, pod.name) if pod.is_running else None


KEYS = [by_name, by_gpus, by_start_if_running]


def change(ledger: Ledger, changes: list[tuple[Pod, bool]]) -> Snapshot:
    for pod, stays in changes:
        ledger.put_pod(PodKey(pod.namespace, pod.name), pod if stays else None)
    return ledger.snapshot()


def anew(snapshot: Snapshot, key: Callable[[Snapshot, Pod], Key | None], *, bound: bool) -> list[Pod]:
    pods = (
        [pod for node in snapshot.nodes.values() for pod in node.pods]
        if bound
        else list(snapshot.pending.values())
    )
    kept = [(place, pod) for pod in pods if (place := key(snapshot, pod)) is not None]
    return [pod for _, pod in sorted(kept, key=lambda each: each[0])]


@settings(max_examples=full_or(15, 150))
@given(CHANGES, st.sampled_from(KEYS))
def test_advanced_or_gone_back_it_is_what_sorting_gives(
    history: list[list[tuple[Pod, bool]]], key: Callable[[Snapshot, Pod], Key | None]
) -> None:
    ledger, running, waiting = Ledger(TaintPolicy()), ListIndex(bound, key), ListIndex(unbound, key)
    snapshots = [change(ledger, changes) for changes in history]
    for snapshot in (*snapshots, *reversed(snapshots), EMPTY):
        running.advance(snapshot)
        waiting.advance(snapshot)
        assert list(running.page().entries) == anew(snapshot, key, bound=True)
        assert list(waiting.page().entries) == anew(snapshot, key, bound=False)
        assert list(running.page(backwards=True).entries) == anew(snapshot, key, bound=True)[::-1]


@settings(max_examples=full_or(15, 150))
@given(CHANGES, st.sampled_from(KEYS), st.integers(1, 5), st.booleans())
def test_pages_have_nothing_twice_and_all_that_was_there_throughout(
    history: list[list[tuple[Pod, bool]]],
    key: Callable[[Snapshot, Pod], Key | None],
    limit: int,
    backwards: bool,
) -> None:
    """A page is of whatever moment; between two of them anything may come and go."""
    ledger, order = Ledger(TaintPolicy()), ListIndex(bound, key)
    snapshots = [change(ledger, changes) for changes in history]
    seen: list[Key | None] = []
    after: Key | None = None
    for turn in range(200):
        snapshot = snapshots[turn % len(snapshots)]
        order.advance(snapshot)
        page = order.page(after=after, limit=limit, backwards=backwards)
        assert page.total == len(anew(snapshot, key, bound=True))
        assert len(page.entries) <= limit
        seen += [key(snapshot, pod) for pod in page.entries]
        after = page.after
        if after is None:
            break
    assert after is None
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen, key=lambda place: place or (), reverse=backwards)
    throughout = set.intersection(
        *({key(each, pod) for pod in anew(each, key, bound=True)} for each in snapshots)
    )
    assert throughout <= set(seen)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("first", [None, "team-1"])
def test_what_is_filtered_is_paged_too(backwards: bool, first: str | None) -> None:
    ledger, order = Ledger(TaintPolicy()), ListIndex(bound, by_name)
    for number in range(40):
        namespace = ("team-0", "team-1", "team-10", "team")[number % 4]
        pod = Pod(
            *(namespace, f"p{number:02}", "u", "n1", "Running", (("nvidia.com/gpu", 1),)),
            *(0, False, None, Workload("Pod", "p")),
        )
        ledger.put_pod(PodKey(namespace, pod.name), pod)
    order.advance(ledger.snapshot())
    names: list[str] = []
    looked_at: list[Pod] = []

    def is_theirs(pod: Pod) -> bool:
        looked_at.append(pod)
        return pod.namespace == "team-1"

    after: Key | None = None
    while True:
        page = order.page(after=after, limit=3, backwards=backwards, only=is_theirs, first=first)
        assert len(looked_at) == (40 if first is None else 10)
        looked_at.clear()
        assert page.total == 10
        names += [pod.name for pod in page.entries]
        after = page.after
        if after is None:
            break
    assert names == sorted((f"p{number:02}" for number in range(1, 40, 4)), reverse=backwards)
