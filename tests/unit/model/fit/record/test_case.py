"""A case file is the same question as the one that Lens had, under whatever names."""

import json
from collections import Counter
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lens.model.fit.engine import fit
from lens.model.fit.record.case import MAX_BYTES, Case, fleet_of, make_case
from lens.model.fit.record.device_part import asks_for_devices, holders_of, own_part, part_on
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.state import Fleet, FleetNode
from tests.oracle import cases, dra_cases
from tests.oracle.lens import Lens
from tests.profiles import full_or
from tests.unit.model.fit.fleets import asked, fleet, node, pod
from tests.unit.model.manifests import Object


def whole(question: AskedPod, seen: Fleet) -> Case:
    devices = None
    if asks_for_devices(question, seen.devices):
        devices, holders = own_part(question, seen.devices), holders_of(seen.devices)
        for each in seen.nodes:
            devices += part_on(each, seen.devices, holders).beyond(devices)
    return Case(question, seen.nodes, seen.namespaces or {}, 0, devices=devices)


def replayed(case: Object) -> tuple[Fleet, AskedPod]:
    """Return what the oracle's side of Lens reads of a case file."""
    found = json.loads(json.dumps(case))
    lens = Lens(found)
    return lens.state.fleet(), lens.read(found["asked"][0])


@settings(max_examples=full_or(60, 600))
@given(st.integers(0, 2**32))
def test_it_says_all_that_bears_on_the_answer(seed: int) -> None:
    made = cases.fleet(seed, 3)
    lens = Lens(made)
    seen = lens.state.fleet()
    for raw in made["asked"]:
        question = lens.read(raw)
        again, pod_again = replayed(fleet_of(whole(question, seen)))
        assert [_unordered(each) for each in again.nodes] == [_unordered(each) for each in seen.nodes]
        assert pod_again.request == question.request
        assert pod_again.anti_affinity == question.anti_affinity
        now, then = fit(again, pod_again), fit(seen, question)
        # Pods on nodes that don't exist aren't in a case; preemption is named for their priorities too.
        assert (now.fits, now.placements) == (then.fits, then.placements)
        assert _as_made(now.message) == then.message
        if then.message is None or not then.message.startswith("running "):
            assert now.reasons == then.reasons


@settings(max_examples=full_or(60, 600))
@given(st.integers(0, 2**32))
def test_it_is_the_same_question_under_other_names_and_has_none_of_the_names(seed: int) -> None:
    made = json.loads(json.dumps(cases.fleet(seed, 2)).replace('"node-', '"secret-'))
    lens = Lens(made)
    seen = lens.state.fleet()
    for raw in made["asked"]:
        question = lens.read(raw)
        file = fleet_of(whole(question, seen), anonymous=True)
        now, then = fit(*replayed(file)), fit(seen, question)
        assert (now.fits, now.placed) == (then.fits, then.placed)
        assert [len(each.devices) for each in now.placements] == [
            len(each.devices) for each in then.placements
        ]
        assert [(each.code, each.nodes, each.asked) for each in _ordered(now)] == [
            (each.code, each.nodes, each.asked) for each in _ordered(then)
        ]
        texts = set(_texts(file))
        own = {*(each.name for each in seen.nodes), *cases.NAMESPACES, *cases.ZONES, *cases.APPS}
        assert not (own | OF_DEVICES) & texts
        assert dra_cases.GPU not in json.dumps(file)


OF_DEVICES = {
    *(
        dra_cases.GPU,
        dra_cases.NIC,
        dra_cases.TAINT,
        "gpu",
        "nic",
        "any",
        "fabric",
        "each",
        "spread",
        "r0",
        "r1",
    ),
    *(dra_cases.SHARED_CLAIMS, "product", "index", "version", "memory", "slots", "set-0", "set-1"),
    *(f"{letter}-{number}" for letter in "xyz" for number in range(6)),
}


def _as_made(message: str | None) -> str | None:
    """Return a message with the name of a claim that is to be made of a template, as it is for one."""
    return message and message.replace("asked-claim-", "claim-")


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
    assert MAX_BYTES / 2 < len(json.dumps(fleet_of(case))) < MAX_BYTES * 1.2


def test_names_that_users_give_below_kubernetes_domains_are_replaced() -> None:
    labels = {
        "kubernetes.io/hostname": "4711",
        "node-role.kubernetes.io/secret-team": "",
        "acme.node-restriction.kubernetes.io/secret-zone": "1",
        "nvidia.com/gpu.count": "4711",
    }
    taken = pod(
        1,
        name="taken",
        nodeName="4711",
        containers=[
            {
                "name": "c",
                "resources": {"requests": {"deviceclass.resource.kubernetes.io/secret-class": "1"}},
                "ports": [
                    {"containerPort": 80, "hostPort": 80, "hostIP": "10.1.2.3"},
                    {"containerPort": 81, "hostPort": 81},
                ],
            }
        ],
    )
    seen = fleet([node("4711", 8, labels=labels)], [taken])
    affinity = {"key": "node-role.kubernetes.io/secret-team", "operator": "Exists"}
    terms = {"nodeSelectorTerms": [{"matchExpressions": [affinity]}]}
    wanted = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    question = asked(pod(4, affinity=wanted, nodeSelector={"kubernetes.io/hostname": "4711"}))
    space = {
        "default": {"kubernetes.io/metadata.name": "default"},
        "17": {"kubernetes.io/metadata.name": "17"},
    }
    file = fleet_of(Case(question, seen.nodes, space, 0), anonymous=True)
    text = json.dumps(file)
    assert "secret" not in text
    assert "10.1.2.3" not in text
    assert '"0.0.0.0"' in text
    # It is a number of GPUs too, which is no name.
    assert text.count('"4711"') == 1
    assert [each["metadata"]["name"] for each in file["namespaces"]] == [
        each["metadata"]["labels"]["kubernetes.io/metadata.name"] for each in file["namespaces"]
    ]
    assert '"17"' not in text
    now, then = fit(*replayed(file)), fit(seen, question)
    assert now.fits == then.fits == "yes"


def test_labels_of_namespaces_count_towards_the_size_of_a_case() -> None:
    labels = {f"example.com/{number:0200d}": "x" * 60 for number in range(100)}
    spaces = [f"team-{number}" for number in range(100)]
    pods = [pod(1, name=name, namespace=name, nodeName="n1") for name in spaces]
    seen = fleet([node("n1", 200)], pods)
    many = Fleet(seen.nodes, dict.fromkeys(spaces, labels), seen.priorities)
    case = make_case(asked(pod(4)), many, many.nodes[0])
    assert len(json.dumps(fleet_of(case))) < MAX_BYTES * 1.2
    assert (case.nodes, case.omitted) == ((), 1)
