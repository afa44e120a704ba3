"""What happened is told once, by what became of it, and nothing is told that didn't happen."""

import json

import pytest

from lens.model.alerts.alert import Thresholds
from lens.model.events.terminations import Outcome, Termination, read_finished, read_termination
from tests.unit.model.manifests import Object, container, node, pod
from tests.unit.model.watched import START, Watched

POD = "Pod/team/train-0"
NODE = "Node/node-1"


@pytest.fixture
def watched() -> Watched:
    """Return a cluster with a running task, which was looked at before."""
    watched = Watched()
    watched.put(node("node-1", 8), task())
    watched.tell("node-1", watched.gpu())
    assert watched.events() == []
    return watched


def task(phase: str = "Running", **fields: object) -> Object:
    return pod(container(gpus=2), phase=phase, **fields)  # type: ignore[arg-type]


def events_of(watched: Watched, *terminations: Termination) -> list[tuple[str, str]]:
    return [(event.type, event.object) for event in watched.events(*terminations)]


def test_the_first_evaluation_makes_no_events(watched: Watched) -> None:
    assert events_of(watched) == []


def test_a_task_starts_when_it_runs_and_not_when_it_is_bound(watched: Watched) -> None:
    other = {"name": "train-1", "uid": "other", "namespace": "team"}
    watched.put(task("Pending", metadata=other))
    assert events_of(watched) == []
    watched.put(task(metadata=other))
    (event,) = watched.events()
    assert (event.type, event.object, event.namespace) == ("TaskStarted", "Pod/team/train-1", "team")
    assert event.message == "team/train-1 started with 2 GPUs on node-1"
    assert event.at == START + 3


@pytest.mark.parametrize(
    "outcome", ["TaskFinished", "TaskFailed", "TaskEvicted", "TaskPreempted", "TaskDeleted", "TaskEnded"]
)
def test_a_vanished_task_has_the_event_of_its_end(watched: Watched, outcome: Outcome) -> None:
    watched.delete(task())
    assert events_of(watched, Termination("team", "train-0", "uid-train-0", outcome, None)) == [
        (outcome, POD)
    ]
    assert events_of(watched) == [(outcome, POD)]


def test_an_ending_that_is_seen_a_moment_before_the_pod_is_gone_still_counts(watched: Watched) -> None:
    assert events_of(watched, Termination("team", "train-0", "uid-train-0", "TaskFailed", "Error")) == []
    watched.delete(task())
    (event,) = watched.events()
    assert (event.type, event.message) == ("TaskFailed", "team/train-0 failed on node-1 (Error)")


def test_a_task_whose_end_nobody_saw_is_not_called_a_success(watched: Watched) -> None:
    watched.delete(task())
    (event,) = watched.events()
    assert event.type == "TaskEnded"
    assert "was not seen" in event.message


def test_a_pod_that_replaces_one_of_its_name_is_an_end_and_a_start(watched: Watched) -> None:
    watched.put(task(metadata={"uid": "next"}))
    assert events_of(watched, Termination("team", "train-0", "uid-train-0", "TaskDeleted", None)) == [
        ("TaskDeleted", POD),
        ("TaskStarted", POD),
    ]


def test_nodes_come_and_go_and_change(watched: Watched) -> None:
    watched.put(node("node-1", 8, unschedulable=True))
    watched.put(node("node-2", 4))
    assert set(events_of(watched)) == {("NodeCordoned", NODE), ("NodeJoined", "Node/node-2")}
    watched.put(node("node-1", 8, ready="False"))
    watched.delete(node("node-2"))
    assert set(events_of(watched)[2:]) == {
        ("NodeUncordoned", NODE),
        ("NodeNotReady", NODE),
        ("NodeLeft", "Node/node-2"),
    }
    watched.put(node("node-1", 8))
    assert events_of(watched)[5:] == [("NodeReady", NODE)]


def test_a_node_that_leaves_while_a_pod_is_bound_to_it_has_left(watched: Watched) -> None:
    watched.delete(node("node-1"))
    assert events_of(watched) == [("NodeLeft", NODE)]


def test_a_gpu_is_lost_and_recovers(watched: Watched) -> None:
    gpu = "GPU/node-1/GPU-0"
    watched.tell("node-1", watched.gpu(0, "lost", "GPU_IS_LOST"))
    assert events_of(watched) == [("GpuLost", gpu)]
    # Nobody hears of it for a while: that is no recovery.
    watched.look(after=100)
    watched.tell("node-1", watched.gpu(0, "lost", "GPU_IS_LOST"))
    assert events_of(watched) == [("GpuLost", gpu)]
    watched.tell("node-1", watched.gpu())
    assert events_of(watched) == [("GpuLost", gpu), ("GpuRecovered", gpu)]
    watched.tell("node-1", watched.gpu(0, "critical", "XID 79"))
    assert events_of(watched)[2:] == [("GpuUnhealthy", gpu)]


def test_alerts_come_and_go_as_events() -> None:
    watched = Watched(Thresholds(for_seconds=0, clear_seconds=0))
    watched.look()
    watched.put(node("node-1", 0))
    watched.look()
    watched.put(node("node-1", 8))
    events = watched.look().events
    assert [(event.type, event.object) for event in events] == [
        ("AlertCleared", NODE),
        ("AlertRaised", NODE),
        ("NodeJoined", NODE),
    ]
    wrong = "node-1 names GPU resources, and its capacity of all of them is 0"
    assert events[1].message == f"DevicePluginGone: {wrong}"
    # The message says that it is over: the node has its device plugin again.
    assert events[0].message == f"DevicePluginGone cleared after 1 s; its last message was: {wrong}"


def test_the_list_is_bounded_and_the_oldest_fall_out() -> None:
    watched = Watched(most_events=3)
    watched.look()
    for number in range(5):
        watched.put(node(f"node-{number}", 8))
        events = watched.look().events
    assert [event.object for event in events] == ["Node/node-4", "Node/node-3", "Node/node-2"]


# How pods end, by the last line of their watch


def line(
    phase: str = "Running",
    reason: str | None = None,
    disruption: str | None = None,
    *,
    deleted: bool = False,
    **status: object,
) -> bytes:
    """Return the line of a pod that is gone."""
    raw = task(phase, status=status | ({"reason": reason} if reason else {}))
    if deleted:
        raw["metadata"]["deletionTimestamp"] = "2025-12-19T15:30:00Z"
    if disruption:
        raw["status"]["conditions"] = [{"type": "DisruptionTarget", "status": "True", "reason": disruption}]
    return json.dumps({"type": "DELETED", "object": raw}).encode()


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        (line("Succeeded"), "TaskFinished"),
        (line("Failed"), "TaskFailed"),
        (line("Failed", "DeadlineExceeded"), "TaskFailed"),
        (line("Failed", "Evicted"), "TaskEvicted"),
        (line("Failed", "Evicted", "TerminationByKubelet"), "TaskEvicted"),
        (line("Running", disruption="PreemptionByScheduler", deleted=True), "TaskPreempted"),
        (line("Failed", disruption="PreemptionByScheduler", deleted=True), "TaskPreempted"),
        (line("Running", disruption="EvictionByEvictionAPI", deleted=True), "TaskEvicted"),
        (line("Running", disruption="DeletionByTaintManager", deleted=True), "TaskEvicted"),
        (line("Running", deleted=True), "TaskDeleted"),
        (line("Failed", deleted=True), "TaskDeleted"),
        (line("Succeeded", deleted=True), "TaskDeleted"),
        (line("Running"), "TaskEnded"),
    ],
)
def test_the_last_that_was_seen_of_a_pod_says_how_it_ended(last: bytes, outcome: Outcome) -> None:
    termination = read_termination(last)
    assert termination is not None
    assert (termination.uid, termination.outcome) == ("uid-train-0", outcome)


def test_a_failure_names_the_container_that_failed() -> None:
    statuses = [
        {"name": "sidecar", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
        {"name": "main", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
    ]
    termination = read_termination(line("Failed", containerStatuses=statuses))
    assert termination is not None
    assert termination.reason == "main: OOMKilled, exit code 137"


@pytest.mark.parametrize("odd", [b"", b"{", b'{"object":{}}', b'{"object":{"metadata":{"name":7}}}'])
def test_an_undecodable_line_is_no_termination(odd: bytes) -> None:
    assert read_termination(odd) is None


def test_a_finished_pod_is_distinct_from_a_running_one() -> None:
    def read(phase: str) -> Outcome | None:
        termination = read_finished(json.dumps(task(phase)).encode())
        return termination.outcome if termination else None

    assert [read(phase) for phase in ("Succeeded", "Failed", "Running")] == [
        "TaskFinished",
        "TaskFailed",
        None,
    ]
    assert read_finished(b"<html>") is None
