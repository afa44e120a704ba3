"""What a caller reads in the answer: the verdict, how many, where, and why not."""

import pytest

from lens.model.fit.engine import MAX_REPLICAS, fit
from lens.model.fit.result import Placement, Reason
from lens.model.k8s.bounds import MAX_LABELS
from tests.unit.model.fit.fleets import asked, fleet, node, pod, read_pod, state
from tests.unit.model.manifests import GPU, Object

TAINT = {"key": GPU, "effect": "NoSchedule"}
WEB = {"matchLabels": {"app": "web"}}
SPREAD = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": WEB,
}
UNREADABLE = ("unreadable_objects",)


def term(key: str, **fields: object) -> Object:
    return {"topologyKey": key, "labelSelector": WEB, **fields}


def required(*terms: Object) -> Object:
    return {"requiredDuringSchedulingIgnoredDuringExecution": list(terms)}


def test_a_pod_fits_where_enough_is_free() -> None:
    result = fit(fleet([node("a", 8)], [pod(5, nodeName="a")]), asked(pod(3)))
    assert (result.fits, result.placed, result.max_replicas, result.complete) == ("yes", 1, 1, True)
    assert result.placements == (Placement("a", 1),)
    assert result.message is None


def test_a_pod_that_doesnt_fit_is_told_what_is_short_and_by_how_much() -> None:
    nodes = [node("a", 8), node("b", 4), node("c", 8, taints=[TAINT]), node("d", unschedulable=True)]
    result = fit(fleet(nodes, [pod(5, nodeName="a")]), asked(pod(8)))
    assert (result.fits, result.max_replicas, result.nodes) == ("no", 0, 4)
    assert result.message == (
        "0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, "
        "2 Insufficient nvidia.com/gpu."
    )
    assert result.reasons[0] == Reason("resource", f"Insufficient {GPU}", 2, GPU, 8, 4, "b")


def test_replicas_go_where_most_is_free_and_those_that_would_fit_too_are_counted() -> None:
    nodes = [node("a", 8), node("b", 4), node("c", 2)]
    result = fit(fleet(nodes), asked(pod(2)), replicas=5)
    assert (result.fits, result.placed, result.max_replicas) == ("yes", 5, 7)
    assert result.placements == (Placement("a", 4), Placement("b", 1))
    more = fit(fleet(nodes), asked(pod(2)), replicas=9)
    assert (more.fits, more.placed, more.max_replicas) == ("no", 7, 7)
    assert more.message == "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."


def test_replicas_that_want_a_port_of_the_host_go_to_one_node_each() -> None:
    web = pod(1)
    web["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80}]
    result = fit(fleet([node("a"), node("b")]), asked(web), replicas=3)
    assert (result.placed, result.max_replicas) == (2, 2)
    assert result.message == (
        "0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports."
    )


def test_replicas_that_spread_over_zones_fill_them_evenly() -> None:
    nodes = [node("a", 8, labels={"zone": "1"}), node("b", 1, labels={"zone": "2"})]
    spread = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": WEB}
    web = asked(pod(1, labels={"app": "web"}, topologySpreadConstraints=[spread]))
    result = fit(fleet(nodes), web, replicas=4)
    assert (result.fits, result.placed, result.complete) == ("no", 3, True)
    assert result.placements == (Placement("a", 2), Placement("b", 1))
    assert result.message == (
        "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, "
        "1 node(s) didn't match pod topology spread constraints."
    )


def test_replicas_that_want_to_be_together_depend_on_where_the_first_goes() -> None:
    nodes = [node("a", 8, labels={"zone": "1"}), node("b", 4, labels={"zone": "2"})]
    web = asked(pod(1, labels={"app": "web"}, affinity={"podAffinity": required(term("zone"))}))
    result = fit(fleet(nodes), web, replicas=9)
    assert (result.placed, result.complete, result.not_checked) == (8, False, ("node_choice",))
    assert fit(fleet(nodes), web).complete


def test_a_pod_on_a_node_keeps_those_away_that_it_doesnt_want_near() -> None:
    shy = pod(nodeName="a", affinity={"podAntiAffinity": required(term("kubernetes.io/hostname"))})
    result = fit(fleet([node("a")], [shy]), asked(pod(1, labels={"app": "web"})))
    assert result.message == (
        "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules."
    )
    assert fit(fleet([node("a")], [shy]), asked(pod(1))).fits == "yes"


def test_a_nominated_pod_holds_its_place_against_those_of_its_priority() -> None:
    nominated = pod(8, priority=5, status={"nominatedNodeName": "a", "phase": "Pending"})
    fleet_ = fleet([node("a", 8)], [nominated])
    assert fit(fleet_, asked(pod(1, priority=5))).fits == "no"
    assert fit(fleet_, asked(pod(1, priority=6))).fits == "yes"
    assert read_pod({**nominated, "spec": {**nominated["spec"], "schedulerName": "other"}}) is None


def test_replicas_leave_room_for_nominated_pods_on_their_node_and_fill_the_others() -> None:
    nominated = pod(6, status={"nominatedNodeName": "a", "phase": "Pending"})
    result = fit(fleet([node("a", 8), node("b", 3)], [nominated]), asked(pod(1)), replicas=9)
    assert (result.placed, result.max_replicas) == (5, 5)
    assert result.placements == (Placement("a", 2), Placement("b", 3))


def test_a_spread_counts_nominated_pods_where_it_makes_room_and_where_it_takes_room() -> None:
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": WEB,
    }
    web = {"app": "web"}
    nominated = pod(labels=web, status={"nominatedNodeName": "a", "phase": "Pending"})
    replica = asked(pod(1, labels=web, topologySpreadConstraints=[spread]))
    result = fit(fleet([node("a"), node("b")], [nominated]), replica, replicas=3)
    assert result.placements[0] == Placement("a", 1)


def test_a_gated_pod_is_not_looked_at() -> None:
    result = fit(fleet([node("a")]), asked(pod(1, schedulingGates=[{"name": "x"}, {"name": "y"}])))
    assert (result.fits, result.message) == ("no", "waiting for scheduling gates: [x y]")


def test_without_nodes_nothing_fits() -> None:
    result = fit(fleet(), asked(pod(1)))
    assert (result.fits, result.message) == ("no", "no nodes available to schedule pods")


def test_a_pod_that_names_its_node_goes_there_or_nowhere() -> None:
    fleet_ = fleet([node("a"), node("b", 0)])
    assert fit(fleet_, asked(pod(1, nodeName="a"))).fits == "yes"
    assert fit(fleet_, asked(pod(1, nodeName="b"))).message == (
        "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, "
        "1 node(s) didn't satisfy plugin(s) [NodeName]."
    )


def test_a_no_says_that_lower_priorities_could_be_evicted() -> None:
    fleet_ = fleet([node("a", 8)], [pod(8, nodeName="a")])
    result = fit(fleet_, asked(pod(1, priority=1)))
    assert (result.fits, result.complete, result.not_checked) == ("no", False, ("preemption",))
    for polite in pod(1, priority=1, preemptionPolicy="Never"), pod(9, priority=1), pod(1):
        assert fit(fleet_, asked(polite)).complete


def test_what_is_not_looked_at_makes_a_yes_unknown_but_no_no() -> None:
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    fleet_ = fleet([node("a", 8)])
    result = fit(fleet_, asked(pod(8, volumes=[volume])))
    assert (result.fits, result.placed, result.complete) == ("unknown", 1, False)
    assert result.not_checked == ("volumes",)
    result = fit(fleet_, asked(pod(9, volumes=[volume, {"name": "x", "emptyDir": {}}])))
    assert (result.fits, result.complete) == ("no", True)
    assert fit(fleet_, asked(pod(9, schedulerName="other"))).fits == "unknown"
    assert fit(fleet_, asked(pod(1, volumes=[{"name": "x", "emptyDir": {}}]))).fits == "yes"


def test_an_object_that_cant_be_read_makes_every_answer_incomplete_until_it_can() -> None:
    found = state([node("a", 8)])
    found.put_unreadable(("default", "odd"))
    result = fit(found.fleet(), asked(pod(1)))
    assert (result.fits, result.complete, result.not_checked) == ("yes", False, ("unreadable_objects",))
    found.put_pod(("default", "odd"), None)
    assert fit(found.fleet(), asked(pod(1))).complete


@pytest.mark.parametrize(
    ("rules", "not_checked"),
    [
        ({}, ()),
        ({"affinity": {"podAntiAffinity": required(term("kubernetes.io/hostname"))}}, UNREADABLE),
        ({"affinity": {"podAntiAffinity": required(term("kubernetes.io/hostname", namespaces=["b"]))}}, ()),
        ({"topologySpreadConstraints": [SPREAD]}, UNREADABLE),
        ({"topologySpreadConstraints": [{**SPREAD, "labelSelector": {}}]}, ()),
    ],
)
def test_a_pod_with_too_many_labels_holds_its_gpus_and_only_rules_about_it_are_incomplete(
    rules: Object, not_checked: tuple[str, ...]
) -> None:
    labels = {f"l{number}": "x" for number in range(MAX_LABELS + 1)}
    found = fleet([node("a", 8)], [pod(6, nodeName="a", labels=labels)])
    result = fit(found, asked(pod(2, labels={"app": "web"}, **rules)))
    assert (result.fits, result.complete, result.not_checked) == ("yes", not not_checked, not_checked)
    assert fit(found, asked(pod(3))).fits == "no"


def test_a_rule_that_selects_every_pod_selects_one_with_too_many_labels_too() -> None:
    labels = {f"l{number}": "x" for number in range(MAX_LABELS + 1)}
    every = term("kubernetes.io/hostname", labelSelector={})
    shy = asked(pod(1, affinity={"podAntiAffinity": required(every)}))
    result = fit(fleet([node("a")], [pod(nodeName="a", labels=labels)]), shy)
    assert (result.fits, result.complete) == ("no", True)


def test_namespaces_that_arent_known_are_named_where_they_matter() -> None:
    chosen = {"namespaceSelector": {"matchLabels": {"team": "red"}}}
    shy = pod(1, affinity={"podAntiAffinity": required(term("kubernetes.io/hostname", **chosen))})
    found = state([node("a")], [pod(nodeName="a", namespace="red", labels={"app": "web"})])
    assert fit(found.fleet(), asked(shy)).not_checked == ("namespaces",)
    found.put_namespace("red", {"team": "red"})
    assert fit(found.fleet(), asked(shy)).fits == "no"
    found.put_namespace("red", {"team": "blue"})
    result = fit(found.fleet(), asked(shy))
    assert (result.fits, result.complete) == ("yes", True)


@pytest.mark.parametrize("replicas", [0, -1, MAX_REPLICAS + 1])
def test_a_number_of_replicas_that_makes_no_sense_is_refused(replicas: int) -> None:
    with pytest.raises(ValueError, match="replicas: "):
        fit(fleet([node("a")]), asked(pod(1)), replicas)
