"""A case file is the same question as the one that Lens had, under whatever names."""

import json
from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lens.model.fit.engine import fit
from lens.model.fit.record.case import MOST_BYTES, Case, fleet_of, make_case
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.state import Fleet, FleetNode
from tests.oracle import cases
from tests.oracle.lens import Lens, read
from tests.profiles import full_or
from tests.unit.model.fit.fleets import asked, fleet, node, pod
from tests.unit.model.manifests import Object


def whole(question: AskedPod, seen: Fleet) -> Case:
    return Case(question, seen.nodes, seen.namespaces or {}, 0)


def _asks_for_devices(question: AskedPod, seen: Fleet) -> bool:
    """Tell whether claims bear on a question: a case has no devices."""
    return bool(question.claims) or any(name in seen.devices.serving for name, _ in question.request)


def replayed(case: Object) -> tuple[Fleet, AskedPod]:
    """Return what the oracle's side of Lens reads of a case file."""
    found = json.loads(json.dumps(case))
    return Lens(found).state.fleet(), read(found["asked"][0])


@settings(max_examples=full_or(60, 600))
@given(st.integers(0, 2**32))
def test_it_says_all_that_bears_on_the_answer(seed: int) -> None:
    made = cases.fleet(seed, 3)
    seen = Lens(made).state.fleet()
    for raw in made["asked"]:
        question = read(raw)
        if _asks_for_devices(question, seen):
            continue
        again, pod_again = replayed(fleet_of(whole(question, seen)))
        assert [_unordered(each) for each in again.nodes] == [_unordered(each) for each in seen.nodes]
        assert pod_again.request == question.request
        assert pod_again.anti_affinity == question.anti_affinity
        now, then = fit(again, pod_again), fit(seen, question)
        # Pods on nodes that don't exist aren't in a case; preemption is named for their priorities too.
        assert (now.fits, now.message, now.placements) == (then.fits, then.message, then.placements)
        assert now.reasons == then.reasons


@settings(max_examples=full_or(60, 600))
@given(st.integers(0, 2**32))
def test_it_is_the_same_question_under_other_names_and_has_none_of_the_names(seed: int) -> None:
    made = json.loads(json.dumps(cases.fleet(seed, 2)).replace('"node-', '"secret-'))
    seen = Lens(made).state.fleet()
    for raw in made["asked"]:
        question = read(raw)
        if _asks_for_devices(question, seen):
            continue
        file = fleet_of(whole(question, seen), anonymous=True)
        now, then = fit(*replayed(file)), fit(seen, question)
        assert (now.fits, now.placed) == (then.fits, then.placed)
        assert [(each.code, each.nodes, each.asked) for each in _ordered(now)] == [
            (each.code, each.nodes, each.asked) for each in _ordered(then)
        ]
        texts = set(_texts(file))
        own = {*(each.name for each in seen.nodes), *cases.NAMESPACES, *cases.ZONES, *cases.APPS}
        assert not own & texts


def _unordered(node: FleetNode) -> Any:
    pods = Counter(pod for on in node.pods.values() for pod in on)
    lists = set(node.ports), Counter(node.repelling), Counter(node.nominated)
    return node.labels, node.gate, node.features, node.free, node.free_pods, pods, lists


def _ordered(result: Any) -> list[Any]:
    return sorted(result.reasons, key=lambda each: (each.code, each.nodes, each.asked or 0))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        # The fields have names too.
        return [text for key, each in value.items() for text in ([key] if "/" in key else []) + _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def test_a_case_has_one_node_unless_others_bear_on_the_answer() -> None:
    seen = fleet([node(f"n{index:02d}", 8) for index in range(20)], [pod(1, nodeName="n03")])
    case = make_case(asked(pod(4)), seen, seen.nodes[3])
    assert (len(case.nodes), case.omitted) == (1, 0)
    assert len(fleet_of(case)["pods"]) == 1
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    case = make_case(asked(pod(4, topologySpreadConstraints=[spread])), seen, seen.nodes[3])
    assert case.nodes[0].name == "n03"
    assert (len(case.nodes), case.omitted) == (20, 0)


def test_a_case_has_a_bounded_size_and_says_what_is_left_out() -> None:
    pods = [
        pod(1, name=f"p{index}", nodeName=f"n{index % 50:02d}", labels={"app": "x" * 60, "job": f"j{index}"})
        for index in range(5000)
    ]
    Random(1).shuffle(pods)
    seen = fleet([node(f"n{index:02d}", 200) for index in range(50)], pods)
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    case = make_case(asked(pod(4, topologySpreadConstraints=[spread])), seen, seen.nodes[3])
    assert 0 < len(case.nodes) < 50
    assert case.omitted == 50 - len(case.nodes)
    assert MOST_BYTES / 2 < len(json.dumps(fleet_of(case))) < MOST_BYTES * 1.2
