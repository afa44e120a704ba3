"""What counts as right or wrong, and what Lens doesn't judge rather than accuse itself or the scheduler."""

import pytest

from lens.model.fit.deadline import OutOfTimeError
from lens.model.fit.record import record
from lens.model.fit.record.decisions import MAX_WAITING
from lens.model.fit.view import NOTHING_FIT
from lens.model.inventory.objects.pod_key import PodKey
from tests.unit.model.fit.fleets import node, pod
from tests.unit.model.fit.record.world import START, World, asking, with_gpus

LONG = 20
"""Seconds after which everything is judged."""


def test_a_pod_that_is_bound_where_lens_sees_room_counts_as_right() -> None:
    world = World(node("a", 8))
    world.pod(asking(8))
    world.bind("train", "a")
    assert world.wait() == {"right": 1}
    assert (world.record.right, world.record.wrong, world.record.abstained) == (1, 0, {})
    assert world.record.since == START


def test_it_is_right_of_pods_that_appear_and_are_decided_between_two_publications() -> None:
    world = World(node("a", 8))
    for name in "one", "two":
        world.pod(asking(4, name))
    world.pod(asking(4, "three"))
    world.bind("one", "a")
    world.bind("two", "a")
    world.refuse("three")
    assert world.wait() == {"right": 3}


def test_what_was_decided_before_the_first_publication_is_not_judged() -> None:
    world = World(node("a", 4))
    world.decisions.view = NOTHING_FIT
    world.pod(asking(8))
    world.refuse("train")
    assert world.wait(LONG) == {}


def test_a_pod_that_is_refused_where_lens_sees_no_room_counts_as_right_once_for_each_message() -> None:
    world = World(node("a", 4))
    world.pod(asking(8))
    world.refuse("train")
    world.refuse("train")
    assert world.wait(3) == {"right": 1}
    world.refuse("train", "0/1 nodes are available: 1 Too many pods.")
    assert world.wait(LONG) == {"right": 1}


def test_a_pod_that_is_refused_although_a_node_has_had_room_all_the_time_counts_as_wrong() -> None:
    world = World(node("a", 8))
    world.pod(asking(8))
    world.refuse("train", "0/1 nodes are available: 1 node(s) were odd.")
    assert world.wait(3) == {}
    assert world.wait(LONG) == {"wrong": 1}
    (case,) = world.record.cases
    assert (case.key, case.said, case.node) == (PodKey("default", "train"), "yes", None)
    assert case.message == "0/1 nodes are available: 1 node(s) were odd."


def test_a_pod_that_is_bound_to_a_node_that_never_had_room_counts_as_wrong() -> None:
    world = World(node("a", 4), node("b", 4))
    world.pod(asking(8))
    world.wait()
    world.bind("train", "a")
    assert world.wait(LONG) == {"wrong": 1}
    (case,) = world.record.cases
    assert (case.said, case.node, case.because) == (
        "no",
        "a",
        "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.",
    )
    assert [each.name for each in case.case.nodes] == ["a"]


def test_what_another_node_does_meanwhile_excuses_nothing() -> None:
    world = World(node("a", 8), node("b", 8))
    world.pod(asking(8))
    world.node(node("b", 4))
    world.refuse("train")
    world.node(node("b", 2))
    assert world.wait(LONG) == {"wrong": 1}


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_of_the_node_itself_leaves_it_open_who_was_right(when: str) -> None:
    world = World(node("a", 8))
    world.pod(asking(8))
    if when == "before":
        world.node(node("a", 4))
        world.wait()
        world.node(node("a", 8))
    world.refuse("train")
    if when == "after":
        world.wait(2)
        world.pod(asking(8, "other", nodeName="a"))
    assert world.wait(LONG) == {"raced": 1}
    assert world.record.cases == ()


def test_a_pod_whose_binding_lens_sees_later_than_the_refusal_it_causes_leaves_it_open() -> None:
    world = World(node("a", 8))
    world.pod(asking(8, "first"))
    world.pod(asking(8, "second"))
    world.refuse("second")
    world.bind("first", "a")
    assert world.wait(LONG) == {"right": 1, "raced": 1}


def test_room_that_the_scheduler_saw_first_leaves_it_open() -> None:
    small = node("a", 4)
    world = World(small)
    world.pod(asking(8))
    world.bind("train", "a")
    world.node(with_gpus(small, 8))
    assert world.wait(LONG) == {"raced": 1}


def test_any_change_leaves_it_open_where_rules_between_pods_bear_on_the_answer() -> None:
    rule = {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}
    for changes, expected in (True, "raced"), (False, "wrong"):
        world = World(node("a", 8), node("b", 8))
        world.pod(asking(8, affinity=affinity))
        if changes:
            world.node(node("b", 4))
        world.refuse("train")
        assert world.wait(LONG) == {expected: 1}


def test_only_pods_that_want_this_one_away_make_all_nodes_bear_on_the_answer() -> None:
    for selected, expected in ("y", "wrong"), ("x", "raced"):
        rule = {"labelSelector": {"matchLabels": {"app": selected}}, "topologyKey": "zone"}
        affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}
        world = World(node("a", 8), node("b", 8), node("c", 8))
        world.pod(pod(0, name="shy", nodeName="c", affinity=affinity))
        world.wait(LONG)
        raw = asking(8)
        raw["metadata"]["labels"] = {"app": "x"}
        world.pod(raw)
        world.node(node("b", 4))
        world.refuse("train")
        assert world.wait(LONG) == {expected: 1}


def test_a_pod_that_wanted_this_one_away_for_a_moment_leaves_it_open() -> None:
    rule = {"labelSelector": {}, "topologyKey": "zone"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [rule]}}
    world = World(node("a", 8), node("b", 8))
    world.pod(asking(8))
    world.pod(pod(0, name="shy", nodeName="b", affinity=affinity))
    world.wait(2)
    world.delete("shy")
    world.wait(2)
    world.refuse("train")
    assert world.wait(LONG) == {"raced": 1}


def test_what_lens_knew_before_an_outage_proves_nothing() -> None:
    world = World(node("a", 8))
    world.pod(asking(8))
    world.age = 30.0
    world.wait(3)
    world.age = 0.0
    world.refuse("train")
    assert world.wait(LONG) == {"raced": 1}
    # An outage between the decision and its judgement.
    world.pod(asking(8, "late"))
    world.refuse("late")
    world.wait()
    world.age = 30.0
    assert world.wait(LONG) == {"raced": 1}


def test_a_clock_that_is_set_back_proves_nothing_either() -> None:
    world = World(node("a", 8))
    world.pod(asking(8))
    world.now -= 1000
    world.wait()
    world.refuse("train")
    assert world.wait(LONG) == {"raced": 1}


def test_what_is_not_looked_at_is_named() -> None:
    world = World(node("a", 8))
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    world.pod(asking(8, "volume", volumes=[claim]))
    world.pod(asking(8, "other", schedulerName="other"))
    world.bind("volume", "a")
    world.bind("other", "a")
    assert world.wait(LONG) == {"volumes": 1, "scheduler": 1}


def test_who_evicts_others_is_not_judged() -> None:
    world = World(node("a", 8))
    world.pod(asking(8, "low", nodeName="a"))
    # The engine names it itself where it might help.
    world.pod(asking(8, "high", priority=10))
    world.refuse("high")
    assert world.wait() == {"preemption": 1}
    world.refuse("high", "preempting", nominatedNodeName="a")
    assert world.wait() == {"preemption": 1}
    world.delete("low")
    world.bind("high", "a")
    assert world.wait(LONG) == {"preemption": 1}


def test_pods_that_go_before_a_decision_and_that_only_a_list_shows_are_not_judged() -> None:
    world = World(node("a", 8))
    world.pod(asking(1, "gone"))
    world.delete("gone")
    world.pod(asking(1, "gated", schedulingGates=[{"name": "queue"}]))
    world.delete("gated")
    world.pod(asking(1, "listed"))
    world.relist(asking(1, "listed", nodeName="a"))
    assert world.wait(LONG) == {"deleted": 1, "gated": 1, "listed": 1}


def test_a_pod_that_was_refused_and_is_deleted_counts_once() -> None:
    world = World(node("a", 1))
    world.pod(asking(8))
    world.refuse("train")
    world.delete("train")
    assert world.wait(LONG) == {"right": 1}


def test_a_pod_that_changes_with_the_refusal_is_not_judged() -> None:
    world = World(node("a", 8))
    world.pod(asking(8))
    changed = asking(8, nodeSelector={"pool": "none"})
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "none"}
    world.pod({**changed, "status": {"conditions": [condition]}})
    assert world.wait(LONG) == {"changed": 1}


def test_a_burst_costs_no_more_than_so_many_readings_and_no_more_than_the_time_there_is() -> None:
    world = World(node("a", 8, allocatable={"cpu": "8", "pods": "1000", "nvidia.com/gpu": "1000"}))
    for index in range(MAX_WAITING + 5):
        world.pod(asking(1, f"train-{index}"))
        world.bind(f"train-{index}", "a")
    assert world.wait() == {"right": MAX_WAITING, "busy": 5}

    def check() -> None:
        raise OutOfTimeError

    world.pod(asking(1, "late"))
    world.bind("late", "a")
    assert world.wait(1, check) == {"busy": 1}


def test_pods_of_one_shape_share_a_reading() -> None:
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1

    world = World(node("a", 1))
    for index in range(50):
        world.pod(asking(8, f"train-{index}"))
    for index in range(50):
        world.refuse(f"train-{index}")
    assert world.wait(1, check) == {"right": 50}
    # Each reading checks the time several times.
    assert 0 < checks < 20


def test_only_so_many_cases_are_kept_the_latest_first() -> None:
    world = World(node("a", 8))
    for index in range(record.MAX_CASES + 5):
        world.pod(asking(8, f"train-{index}"))
        world.refuse(f"train-{index}", "odd")
        if index % 40 == 39:
            world.wait(LONG)
    world.wait(LONG)
    assert world.record.wrong == record.MAX_CASES + 5
    assert len(world.record.cases) == record.MAX_CASES
    assert world.record.cases[0].key.name == f"train-{record.MAX_CASES + 4}"


def test_pods_without_gpus_are_none_of_its_business() -> None:
    world = World(node("a", 8))
    world.pod(pod(0, name="web"))
    world.bind("web", "a")
    assert world.wait(LONG) == {}
