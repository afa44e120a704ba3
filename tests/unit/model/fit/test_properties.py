"""What holds for every fleet and pod that the oracle's cases are made of."""

import copy
from collections import Counter
from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.model.fit.engine import fit
from lens.model.fit.result import FitResult
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.trial import Trial
from tests.oracle import cases
from tests.oracle.lens import Lens
from tests.profiles import full_or
from tests.unit.model.manifests import GPU, Object

seeds = st.integers(0, 2**32)
some = settings(max_examples=full_or(40, 400))


def made(seed: int) -> tuple[Object, list[AskedPod]]:
    fleet = cases.fleet(seed, 4)
    return fleet, [Lens(fleet).read(pod) for pod in fleet["asked"]]


def answers(fleet: Object, asked: list[AskedPod], replicas: int = 1) -> list[FitResult]:
    state = Lens(fleet).state.fleet()
    return [fit(state, each, replicas) for each in asked]


@some
@given(seeds, st.integers(1, 5))
def test_the_order_in_which_objects_come_never_matters(seed: int, replicas: int) -> None:
    fleet, asked = made(seed)
    before = answers(fleet, asked, replicas)
    shuffled = copy.deepcopy(fleet)
    kinds = "nodes", "pods", "namespaces", "resourceClaims", "resourceSlices", "deviceTaintRules"
    for kind in kinds:
        Random(seed).shuffle(shuffled.get(kind, []))
    assert answers(shuffled, asked, replicas) == before


@some
@given(seeds)
def test_one_more_free_gpu_never_turns_a_yes_into_a_no(seed: int) -> None:
    fleet, asked = made(seed)
    before = answers(fleet, asked)
    allocatable = Random(seed).choice(fleet["nodes"])["status"]["allocatable"]
    there = allocatable.get(GPU, "0")
    if not there.isdigit() or any(
        each["spec"].get("extendedResourceName") == GPU for each in fleet.get("deviceClasses", ())
    ):
        return  # as good as endless; or claims serve a node that has none
    allocatable[GPU] = str(int(there) + 1)
    for then, now in zip(before, answers(fleet, asked), strict=True):
        assert now.placed >= then.placed


@some
@given(seeds)
def test_a_pod_that_ends_never_keeps_out_one_without_rules_about_pods(seed: int) -> None:
    fleet, asked = made(seed)
    asked = [each for each in asked if not (each.affinity or each.anti_affinity or each.spread)]
    before = answers(fleet, asked)
    if fleet["pods"]:
        fleet["pods"].pop(Random(seed).randrange(len(fleet["pods"])))
    for then, now in zip(before, answers(fleet, asked), strict=True):
        assert now.placed >= then.placed


@some
@given(seeds)
def test_all_nodes_at_once_get_the_reasons_that_each_gets_alone(seed: int) -> None:
    fleet, asked = made(seed)
    state = Lens(fleet).state.fleet()
    for each in asked:
        trial = Trial(state, each)
        for _ in range(3):
            alone = Counter(
                cause.message for rejected in trial.rejections().values() for cause in rejected.causes
            )
            if trial.fatal is not None:
                break
            together = {
                reason.message: reason.nodes for reason in trial.reasons() if reason.code != "node_name"
            }
            assert together == alone
            trial.place(2)


@some
@given(seeds, st.integers(2, 12))
def test_replicas_placed_at_once_fit_one_by_one_as_pods_on_their_nodes(seed: int, replicas: int) -> None:
    fleet, asked = made(seed)
    for each in asked:
        lens = Lens(fleet)
        trial = Trial(lens.state.fleet(), each)
        if trial.devices is not None:
            continue  # the oracle's cases try those
        placed = [] if each.gates or trial.rejected_as_a_whole else (trial.place(replicas), trial.placed)[1]
        for number, name in enumerate(placed):
            one = Trial(lens.state.fleet(), each)
            assert name not in one.rejections()
            lens.state.put_pod(("replica", number), each.on(name))
        if len(placed) < replicas:
            result = fit(lens.state.fleet(), each)
            assert result.placed == 0
            if placed:
                assert result.message == fit(Lens(fleet).state.fleet(), each, replicas).message


@some
@given(seeds)
def test_as_many_replicas_fit_as_the_answer_says_and_no_more(seed: int) -> None:
    fleet, asked = made(seed)
    state = Lens(fleet).state.fleet()
    for each in asked:
        most = fit(state, each).max_replicas
        if most is not None and 0 < most < 100:
            assert fit(state, each, most).placed == most
            beyond = fit(state, each, most + 1)
            assert (beyond.placed, beyond.max_replicas) == (most, most)


@some
@given(seeds)
def test_where_preemption_is_not_named_no_node_takes_the_pod_without_lower_ones(seed: int) -> None:
    fleet, asked = made(seed)
    for each in asked:
        result = fit(Lens(fleet).state.fleet(), each)
        if not each.preempts or result.placed or "preemption" in result.not_checked:
            continue
        for name in Trial(Lens(fleet).state.fleet(), each).rejections() if not each.gates else ():
            kept = [
                pod
                for pod in fleet["pods"]
                if pod["spec"].get("nodeName") != name or pod["spec"].get("priority", 0) >= each.priority
            ]
            if len(kept) < len(fleet["pods"]):
                trial = Trial(Lens({**fleet, "pods": kept}).state.fleet(), each)
                assert trial.refused or name in trial.rejections()


@some
@given(seeds)
def test_a_view_after_many_changes_is_the_same_as_of_a_state_made_at_once(seed: int) -> None:
    fleet, asked = made(seed)
    random = Random(seed)
    lens = Lens({**fleet, "nodes": [], "pods": []})
    for _ in range(2):
        changes = [
            *(partial(lens.put_node, node) for node in fleet["nodes"]),
            *(partial(lens.put_pod, pod) for pod in fleet["pods"]),
        ]
        random.shuffle(changes)
        for change in changes:
            change()
            if random.random() < 0.3:
                view = lens.state.fleet()
                assert lens.state.fleet() is view
                fit(view, asked[0])
        for node in fleet["nodes"]:
            if random.random() < 0.3:
                lens.state.put_node(node["metadata"]["name"], None)
                lens.state.fleet()
    for node in fleet["nodes"]:
        lens.put_node(node)
    fresh = Lens(fleet).state.fleet()
    view = lens.state.fleet()
    assert [(node.name, node.free, node.free_pods) for node in view.nodes] == [
        (node.name, node.free, node.free_pods) for node in fresh.nodes
    ]
    assert view.priorities == fresh.priorities
    for each in asked:
        assert fit(view, each, 3) == fit(fresh, each, 3)


def test_a_view_never_changes() -> None:
    fleet, asked = made(5)
    lens = Lens(fleet)
    before = lens.state.fleet()
    answer = fit(before, asked[0], 3)
    for node in fleet["nodes"]:
        lens.state.put_node(node["metadata"]["name"], None)
    assert lens.state.fleet().nodes == ()
    assert fit(before, asked[0], 3) == answer


def test_what_is_put_again_unchanged_makes_no_new_view() -> None:
    fleet, _ = made(5)
    lens = Lens(fleet)
    before = lens.state.fleet()
    for node in fleet["nodes"]:
        lens.put_node(node)
    for pod in fleet["pods"]:
        lens.put_pod(pod)
    assert lens.state.fleet() is before


@pytest.mark.parametrize("removed", ["pods", "nodes"])
def test_what_is_gone_leaves_nothing_behind(removed: str) -> None:
    fleet, _ = made(11)
    lens = Lens(fleet)
    for pod in fleet["pods"]:
        meta = pod["metadata"]
        lens.state.put_pod((meta["namespace"], meta["name"]), None)
    if removed == "nodes":
        for node in fleet["nodes"]:
            lens.state.put_node(node["metadata"]["name"], None)
    view = lens.state.fleet()
    assert not view.priorities
    assert len(view.nodes) == (0 if removed == "nodes" else len(fleet["nodes"]))
    assert all(not node.pods and node.free == node.allocatable for node in view.nodes)
