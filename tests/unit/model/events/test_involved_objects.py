"""Only what regards pods with GPUs and nodes with GPUs is told, also of pods that were gone before."""

from lens.model.events.involved_objects import MAX_UNKNOWN, UNKNOWN_SECONDS, EventFilter
from lens.model.events.transitions import Event
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.snapshot import Snapshot
from tests.unit.model.manifests import Object, container, ledger_of, node, pod, read_node, read_pod
from tests.unit.model.reported import of_node, of_pod, of_scheduler, reports

NOW = 1766158200.0 + 60
AGO = NOW - 30
ON_NODE_1 = "Successfully assigned team/gone to node-1"


def task(name: str = "train-0", on: str | None = "node-1") -> Object:
    return pod(container(gpus=2), name=name, node=on, phase="Running" if on else "Pending")


def cluster(*raws: Object) -> tuple[Ledger, Snapshot]:
    """Return a cluster with a GPU node, a node without, and these pods."""
    ledger = ledger_of()
    for raw in (node("node-1", 8), node("without-gpus")):
        read = read_node(raw)
        ledger.put_node(read.key, read.value)
    for raw in raws:
        reading = read_pod(raw)
        ledger.put_pod(reading.key, reading.value)
    return ledger, ledger.snapshot()


def listed(snapshot: Snapshot, *raws: Object) -> list[Event]:
    """Return the relevant events of a list."""
    events = EventFilter()
    events.update(snapshot)
    return [*events.listed(reports(*raws, now=NOW), NOW), *events.list_ended()]


def reasons(events: list[Event]) -> list[tuple[str, str | None]]:
    return [(event.object, event.reason) for event in events]


def test_events_of_bound_and_pending_gpu_pods_are_kept() -> None:
    _, snapshot = cluster(task(), task("waits", on=None))
    assert reasons(
        listed(
            snapshot,
            of_pod("BackOff", at=AGO, kind="Warning"),
            of_scheduler("FailedScheduling", "0/2 nodes are available", at=AGO, name="waits"),
            of_pod("BackOff", at=AGO, kind="Warning", name="without-gpus"),
        )
    ) == [("Pod/team/train-0", "BackOff"), ("Pod/team/waits", "FailedScheduling")]


def test_only_events_of_gpu_nodes_are_kept() -> None:
    _, snapshot = cluster(task("stays", on="node-4"))
    names = ("node-1", "without-gpus", "node-3", "node-4")
    raws = [of_node("NodeNotReady", at=AGO, name=name) for name in names]
    (event,) = listed(snapshot, *raws)
    assert (event.object, event.namespace, event.source) == ("Node/node-1", None, "node-controller")


def test_the_uid_of_somebody_elses_pod_makes_no_event_of_it() -> None:
    _, snapshot = cluster(task())
    forged = of_pod("BackOff", at=AGO, kind="Warning", name="mine", namespace="other", uid="uid-train-0")
    assert listed(snapshot, forged) == []
    assert listed(snapshot, of_pod("BackOff", at=AGO, kind="Warning", uid="uid-of-before")) == []


def test_a_pod_that_is_preempted_and_still_there_ends_when_lens_sees_it() -> None:
    _, snapshot = cluster(task())
    assert listed(snapshot, of_scheduler("Preempted", "Preempted by pod 1 on node node-1", at=AGO)) == []


def test_the_end_of_an_unknown_pod_is_kept_if_it_was_on_a_gpu_node() -> None:
    _, snapshot = cluster()
    gone = of_pod(
        "TaintManagerEviction", "Marking for deletion Pod team/gone", at=AGO, name="gone", source={}
    )
    gone["reportingComponent"] = "taint-eviction-controller"
    placed = of_scheduler("Scheduled", ON_NODE_1, at=AGO - 9, name="gone", kind="Normal")
    for raws in ((gone, placed), (placed, gone)):
        (event,) = listed(snapshot, *raws)
        assert (event.type, event.object, event.namespace) == ("TaskEvicted", "Pod/team/gone", "team")
        assert event.source == "taint-eviction-controller"
    elsewhere = placed | {"message": ON_NODE_1.replace("node-1", "without-gpus")}
    assert listed(snapshot, gone, elsewhere) == []
    assert listed(snapshot, gone) == []


def test_a_preemption_names_its_node_itself() -> None:
    _, snapshot = cluster()

    def told(on: str) -> list[str]:
        by = f"Preempted by pod 1 on node {on}"
        return [event.type for event in listed(snapshot, of_scheduler("Preempted", by, at=AGO, name="gone"))]

    assert told("node-1") == ["TaskPreempted"]
    assert told("without-gpus") == []


def test_the_end_of_a_known_pod_is_not_reported_twice() -> None:
    ledger, snapshot = cluster(task())
    events = EventFilter()
    events.update(snapshot)
    ledger.put_pod(read_pod(task()).key, None)
    events.update(ledger.snapshot())
    evicted = reports(of_pod("Evicted", at=AGO, kind="Warning"), now=NOW)
    assert [*events.listed(evicted, NOW), *events.list_ended(), *events.watched(evicted, NOW)] == []


def test_a_task_starts_by_its_first_event_and_not_by_a_container_that_starts_anew() -> None:
    _, snapshot = cluster(task())
    (event,) = listed(snapshot, of_pod("Started", at=AGO))
    assert (event.type, event.at) == ("TaskStarted", AGO)
    started = 1766158200
    late = reports(of_pod("Started", at=started + 4000), now=started + 5000)
    events = EventFilter()
    events.update(snapshot)
    assert list(events.listed(late, NOW)) == []


def test_an_event_that_comes_before_its_pod_waits_for_it_for_a_while() -> None:
    ledger, snapshot = cluster()
    events = EventFilter()
    events.update(snapshot)
    early = reports(of_scheduler("FailedScheduling", "0/2", at=AGO), now=NOW)
    assert list(events.watched(early, NOW)) == []
    assert events.is_waiting
    reading = read_pod(task(on=None))
    ledger.put_pod(reading.key, reading.value)
    events.update(ledger.snapshot())
    assert reasons(list(events.watched([], NOW + 1))) == [("Pod/team/train-0", "FailedScheduling")]
    assert not events.is_waiting


def test_an_event_that_is_listed_before_its_pod_is_known_waits_if_it_is_of_just_now() -> None:
    ledger, snapshot = cluster()
    events = EventFilter()
    events.update(snapshot)
    before = reports(of_scheduler("FailedScheduling", "0/1", at=AGO, name="train-0"), now=NOW)
    early = reports(of_scheduler("FailedScheduling", "0/2", at=NOW, name="train-0"), now=NOW)
    assert (list(events.listed(before, NOW)), events.is_waiting) == ([], False)
    assert (list(events.listed(early, NOW)), events.is_waiting) == ([], True)
    reading = read_pod(task(on=None))
    ledger.put_pod(reading.key, reading.value)
    events.update(ledger.snapshot())
    assert [event.message for event in events.watched([], NOW + 1)] == ["0/2"]
    assert not events.is_waiting


def test_an_event_of_a_pod_without_gpus_is_soon_forgotten() -> None:
    _, snapshot = cluster()
    events = EventFilter()
    events.update(snapshot)
    assert list(events.watched(reports(of_pod("BackOff", at=AGO, kind="Warning"), now=NOW), NOW)) == []
    assert list(events.watched([], NOW + UNKNOWN_SECONDS)) == []
    assert not events.is_waiting


def test_a_flood_of_events_of_other_pods_leaves_room_for_what_comes_after() -> None:
    _, snapshot = cluster(task())
    events = EventFilter()
    events.update(snapshot)
    (strange,) = reports(of_pod("BackOff", at=AGO, kind="Warning", name="other"), now=NOW)
    flood = [strange] * (2 * MAX_UNKNOWN)
    own = reports(of_pod("BackOff", at=AGO, kind="Warning"), now=NOW)
    assert reasons(list(events.watched([*flood, *own], NOW))) == [("Pod/team/train-0", "BackOff")]


def test_events_of_unknown_pods_are_bounded_in_bytes() -> None:
    _, snapshot = cluster(task())
    dropped: list[None] = []
    events = EventFilter(lambda: dropped.append(None))
    events.update(snapshot)
    strangers = reports(
        *(
            of_pod("Evicted", "🌋" * 500, at=AGO, kind="Warning", name=f"{each}{'🌋' * 240}", namespace="my")
            for each in range(4500)
        ),
        now=NOW,
    )
    assert list(events.listed(strangers, NOW)) == []
    noted = len(strangers) - len(dropped)
    assert 1000 < noted * 4000 < 16 * 2**20
    ended = list(events.list_ended())
    assert len(ended) == noted, "they say that they were on a node with GPUs"
    dropped.clear()
    list(events.listed(strangers[:100], NOW))
    assert dropped == [], "the next list has room again"
    assert list(events.watched(strangers, NOW)) == []
    assert len(dropped) > 0
    late = of_pod("BackOff", at=AGO, kind="Warning")
    assert reasons(list(events.watched(reports(late, now=NOW), NOW))) == [("Pod/team/train-0", "BackOff")]
