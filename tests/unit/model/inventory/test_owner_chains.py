"""A task goes under its topmost controller; what isn't known of the chain is said and never guessed."""

from collections.abc import Iterable, Mapping

import pytest

from lens.model.inventory.objects.pod import Controller, Pod, Workload
from lens.model.inventory.owner_chains import (
    KEPT_SECONDS,
    MAX_DEPTH,
    TOUCHED_SECONDS,
    OwnerChain,
    OwnerTracker,
    workload,
)
from tests.unit.model.manifests import container, pod, viewed_pod


def named(kind: str, name: str, uid: str = "", namespace: str = "team") -> Controller:
    """Return a controller of the group that its kind is usually in."""
    return Controller("example.com/v1", kind, namespace, name, uid or f"uid-{name}")


JOB, SET, TRAIN = named("Job", "llm-workers-0"), named("JobSet", "llm"), named("TrainJob", "llm-train")


def owned(controller: Controller | None, name: str = "train-0") -> Pod:
    """Return a pod of that controller's."""
    owners = (
        []
        if controller is None
        else [
            {
                "apiVersion": controller.api_version,
                "kind": controller.kind,
                "name": controller.name,
                "uid": controller.uid,
                "controller": True,
            }
        ]
    )
    return viewed_pod(pod(container("a", "1"), name=name, metadata={"ownerReferences": owners}))


def replace(tracker: OwnerTracker, before: Iterable[Pod], after: Iterable[Pod], now: float) -> None:
    """Replace some pods by others, in all steps."""
    for _ in tracker.update_pods(before, after, now):
        pass


class Reader:
    """Reads whatever is due, from a table of who controls whom."""

    def __init__(self, parents: Mapping[Controller, Controller | None], most: int = 100) -> None:
        self.parents = dict(parents)
        self.tracker = OwnerTracker(most)
        self.read: list[Controller] = []

    def pods(self, before: Iterable[Pod], after: Iterable[Pod], now: float = 0.0) -> None:
        """Put some pods in place of others, and read all that this makes due."""
        replace(self.tracker, before, after, now)
        self.work(now)

    def work(self, now: float) -> None:
        """Read until nothing is due; who isn't in the table is gone."""
        while due := list(self.tracker.due(now)):
            for controller in due:
                self.read.append(controller)
                if controller in self.parents:
                    self.tracker.set_parent(controller, self.parents[controller], now)
                else:
                    self.tracker.set_error(controller, "GONE", now, now + KEPT_SECONDS)

    def workload_of(self, of: Pod) -> tuple[str, str, str | None]:
        """Return a pod's workload and why it may not be the top."""
        found, reason = workload(of, self.tracker.owner_chains())
        return found.kind, found.name, reason


def test_the_top_of_the_chain_is_the_workload() -> None:
    reader = Reader({JOB: SET, SET: TRAIN, TRAIN: None})
    task = owned(JOB)
    assert reader.workload_of(task) == ("Job", "llm-workers-0", "UNREAD")
    reader.pods([], [task])
    assert reader.workload_of(task) == ("TrainJob", "llm-train", None)
    assert reader.read == [JOB, SET, TRAIN]


def test_a_bare_pod_needs_no_request() -> None:
    reader = Reader({})
    reader.pods([], [owned(None)])
    assert reader.workload_of(owned(None)) == ("Pod", "train-0", None)
    assert reader.read == []


def test_an_owner_is_read_once_for_all_objects_below_it() -> None:
    jobs = [named("Job", f"llm-{number}") for number in range(10)]
    reader = Reader(dict.fromkeys(jobs, SET) | {SET: None})
    tasks = [owned(job, f"{job.name}-{number}") for job in jobs for number in range(3)]
    reader.pods([], tasks)
    assert {reader.workload_of(task) for task in tasks} == {("JobSet", "llm", None)}
    assert sorted(owner.name for owner in reader.read) == sorted([*(job.name for job in jobs), "llm"])


def test_a_deleted_owner_leaves_the_last_known_step() -> None:
    reader = Reader({JOB: SET})
    task = owned(JOB)
    reader.pods([], [task])
    assert reader.workload_of(task) == ("JobSet", "llm", "GONE")


def test_what_was_known_of_an_owner_stays_when_it_is_gone() -> None:
    reader = Reader({JOB: SET, SET: None})
    task = owned(JOB)
    reader.pods([], [task])
    del reader.parents[JOB]
    reader.work(KEPT_SECONDS)
    assert reader.workload_of(task) == ("JobSet", "llm", "GONE")


def test_without_a_known_owner_the_pods_labels_count() -> None:
    labelled = viewed_pod(
        pod(
            container("a", "1"),
            metadata={
                "labels": {"jobset.sigs.k8s.io/jobset-name": "llm"},
                "ownerReferences": [
                    {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u", "controller": True}
                ],
            },
        )
    )
    reader = Reader({})
    reader.pods([], [labelled])
    assert reader.workload_of(labelled) == ("JobSet", "llm", "GONE")
    assert labelled.controller is not None
    reader.tracker.set_parent(labelled.controller, None, 1.0)
    assert reader.workload_of(labelled) == ("Job", "j", None)


def test_an_adopted_owner_shows_once_the_read_expires() -> None:
    reader = Reader({JOB: None})
    task = owned(JOB)
    reader.pods([], [task])
    reader.parents |= {JOB: SET, SET: None}
    reader.work(KEPT_SECONDS - 1)
    assert reader.workload_of(task) == ("Job", "llm-workers-0", None)
    reader.work(KEPT_SECONDS)
    assert reader.workload_of(task) == ("JobSet", "llm", None)
    reader.parents[JOB] = None
    reader.work(2 * KEPT_SECONDS)
    assert reader.workload_of(task) == ("Job", "llm-workers-0", None)


def test_pods_that_come_have_their_controller_read_again_sooner() -> None:
    reader = Reader({JOB: None})
    first, second = owned(JOB, "a"), owned(JOB, "b")
    reader.pods([], [first])
    reader.parents |= {JOB: SET, SET: None}
    reader.pods([first], [first, second], now=10)
    assert reader.workload_of(second) == ("Job", "llm-workers-0", None)
    reader.work(TOUCHED_SECONDS)
    assert reader.workload_of(second) == ("JobSet", "llm", None)


def test_a_cycle_ends_with_its_own_reason() -> None:
    reader = Reader({JOB: SET, SET: TRAIN, TRAIN: JOB})
    task = owned(JOB)
    reader.pods([], [task])
    assert reader.workload_of(task) == ("TrainJob", "llm-train", "CYCLE")
    reader.pods([], [owned(SET, "b")])
    assert reader.workload_of(owned(SET, "b")) == ("Job", "llm-workers-0", "CYCLE")
    itself = Reader({JOB: JOB})
    itself.pods([], [task])
    assert itself.workload_of(task) == ("Job", "llm-workers-0", "CYCLE")


@pytest.mark.parametrize("deep", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 20, 200])
def test_a_chain_is_followed_up_to_the_limit(deep: int) -> None:
    chain = [named("Step", f"step-{number}") for number in range(deep)]
    reader = Reader(dict(zip(chain, [*chain[1:], None], strict=True)))
    task = owned(chain[0])
    reader.pods([], [task])
    if deep <= MAX_DEPTH:
        assert reader.workload_of(task) == ("Step", f"step-{deep - 1}", None)
    else:
        assert reader.workload_of(task) == ("Step", f"step-{MAX_DEPTH}", "TOO_DEEP")
    assert len(reader.read) == min(deep, MAX_DEPTH)


def test_another_object_of_the_same_name_is_another_owner() -> None:
    again = named("Job", JOB.name, uid="another")
    reader = Reader({JOB: SET, SET: None, again: None})
    reader.pods([], [owned(JOB, "a")])
    assert reader.workload_of(owned(again, "b")) == ("Job", JOB.name, "UNREAD")
    reader.pods([], [owned(again, "b")])
    assert reader.workload_of(owned(again, "b")) == ("Job", JOB.name, None)


def test_a_pod_that_names_another_namespaces_owner_gets_nothing_of_it() -> None:
    theirs = named("Job", JOB.name, uid=JOB.uid, namespace="theirs")
    reader = Reader({theirs: SET, SET: None})
    ours = owned(JOB)
    replace(reader.tracker, [], [ours], 0.0)
    reader.tracker.set_parent(theirs, SET, 0.0)
    assert reader.workload_of(ours) == ("Job", JOB.name, "UNREAD")


@pytest.mark.parametrize("cycle", [False, True])
def test_owners_are_forgotten_with_their_last_pod(cycle: bool) -> None:
    reader = Reader({JOB: SET, SET: TRAIN, TRAIN: JOB if cycle else None})
    first, second = owned(JOB, "a"), owned(SET, "b")
    reader.pods([], [first, second])
    reader.pods([first], [])
    assert reader.workload_of(first)[2] == "UNREAD"
    assert reader.workload_of(second)[0] == ("Job" if cycle else "TrainJob")
    reader.pods([second], [])
    assert reader.tracker.owner_chains() == {}
    reader.read.clear()
    reader.work(10 * KEPT_SECONDS)
    assert reader.read == []


def test_owners_are_bounded_and_the_others_are_read_later() -> None:
    jobs = [named("Job", f"job-{number}") for number in range(10)]
    reader = Reader(dict.fromkeys(jobs), most=4)
    tasks = [owned(job, job.name) for job in jobs]
    reader.pods([], tasks)
    known = [task for task in tasks if reader.workload_of(task)[2] is None]
    assert len(known) == len(reader.read) == 4
    reader.pods(known, [])
    assert len([task for task in tasks if reader.workload_of(task)[2] is None]) == 4
    assert len(set(reader.read)) == 8


def test_binding_a_pod_reads_no_owner_again() -> None:
    reader = Reader({JOB: None})
    reader.pods([], [owned(JOB)])
    before = reader.tracker.owner_chains()
    reader.pods([owned(JOB)], [owned(JOB)], now=1)
    assert reader.tracker.owner_chains() is before
    assert reader.read == [JOB]


def test_a_read_that_no_pod_needs_any_more_is_dropped() -> None:
    tracker = OwnerTracker()
    task = owned(JOB)
    replace(tracker, [], [task], 0.0)
    assert list(tracker.due(0.0)) == [JOB]
    replace(tracker, [task], [], 1.0)
    tracker.set_parent(JOB, SET, 2.0)
    tracker.set_error(JOB, "GONE", 2.0, 3.0)
    assert tracker.owner_chains() == {}
    assert list(tracker.due(1000.0)) == []


def test_what_is_published_does_not_change_any_more() -> None:
    reader = Reader({JOB: SET, SET: None})
    reader.pods([], [owned(JOB)])
    before = reader.tracker.owner_chains()
    reader.pods([owned(JOB)], [], now=1)
    assert before == {JOB: OwnerChain(Workload("JobSet", "llm"), None)}
