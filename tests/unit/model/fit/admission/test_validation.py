"""What no apiserver stores of a pod is refused by the field, and what one stores isn't."""

import re
from typing import Any

import pytest

from lens.model.fit.admission.mutation import admit
from lens.model.fit.admission.policies import Policies, PriorityClass, RuntimeClass
from lens.model.fit.admission.validation import check_pod
from lens.model.fit.admission.workloads.workload import read_workload

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def spec(*resources: Any, ports: Any = (), **more: Any) -> Any:
    containers = [{"name": "main", "resources": each, "ports": list(ports)} for each in resources or ({},)]
    return {"containers": containers, **more}


def spread(**more: Any) -> Any:
    rule = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", **more}
    return spec(topologySpreadConstraints=[{key: value for key, value in rule.items() if value is not None}])


def near(**term: Any) -> Any:
    return spec(affinity={"podAffinity": {REQUIRED: [{"topologyKey": "zone", **term}]}})


def selecting(operator: str, *values: str, part: str = "matchExpressions", key: str = "k") -> Any:
    term = {part: [{"key": key, "operator": operator, "values": list(values)}]}
    return spec(affinity={"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [term]}}})


def labels(operator: str, *values: str) -> Any:
    return {
        "labelSelector": {"matchExpressions": [{"key": "k", "operator": operator, "values": list(values)}]}
    }


def claims(*names: str, **more: Any) -> Any:
    made = [{"name": name, "resourceClaimTemplateName": "t", **more} for name in names]
    return {"resourceClaims": made}


def cpu(requests: Any = None, limits: Any = None) -> Any:
    sides = {"requests": requests, "limits": limits}
    return {side: {"cpu": amount} for side, amount in sides.items() if amount is not None}


HOST_PORT = {"containerPort": 80, "hostPort": 80}
TERM = f"spec.affinity.podAffinity.{REQUIRED}[0]"
NODE_TERM = f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0]"

REFUSED = [
    (spread(maxSkew=0), "spec.topologySpreadConstraints[0].maxSkew: 0 is below 1"),
    (spread(maxSkew=None), "spec.topologySpreadConstraints[0].maxSkew: 0 is below 1"),
    (spread(topologyKey=""), "spec.topologySpreadConstraints[0].topologyKey: it is required"),
    (spread(whenUnsatisfiable=None), "spec.topologySpreadConstraints[0].whenUnsatisfiable: null is none of"),
    (spread(whenUnsatisfiable="Never"), "whenUnsatisfiable: 'Never' is none of DoNotSchedule, Sche"),
    (spread(minDomains=0), "spec.topologySpreadConstraints[0].minDomains: 0 is below 1"),
    (spread(minDomains=2, whenUnsatisfiable="ScheduleAnyway"), "minDomains: it is for whenUnsatisfiable"),
    (spread(nodeTaintsPolicy="Maybe"), "nodeTaintsPolicy: 'Maybe' is none of Honor, Ignore"),
    (spread(**labels("In")), "[0].labelSelector.matchExpressions[0].values: 0 are not what In takes"),
    (
        spec(topologySpreadConstraints=spread()["topologySpreadConstraints"] * 2),
        "spec.topologySpreadConstraints[1]: there is one with its topologyKey and whenUnsatisfiable",
    ),
    (near(topologyKey=""), f"{TERM}.topologyKey: it is required"),
    (near(**labels("Exists", "a")), f"{TERM}.labelSelector.matchExpressions[0].values: 1 are not what"),
    (near(**labels("Gt", "1")), f"{TERM}.labelSelector.matchExpressions[0].operator: 'Gt' is none of"),
    (selecting("In"), f"{NODE_TERM}.matchExpressions[0].values: 0 are not what In takes"),
    (selecting("Gt"), f"{NODE_TERM}.matchExpressions[0].values: 0 are not what Gt takes"),
    (selecting("Lt", "1", "2"), f"{NODE_TERM}.matchExpressions[0].values: 2 are not what Lt takes"),
    (selecting("DoesNotExist", "a"), f"{NODE_TERM}.matchExpressions[0].values: 1 are not what"),
    (selecting("Near", "a"), f"{NODE_TERM}.matchExpressions[0].operator: 'Near' is none of In, NotIn"),
    (selecting("In", "a", "b", part="matchFields"), f"{NODE_TERM}.matchFields[0].values: 2 are not what In"),
    (selecting("Exists", part="matchFields"), f"{NODE_TERM}.matchFields[0].operator: 'Exists' is none of"),
    (selecting("In", "a", part="matchFields"), f"{NODE_TERM}.matchFields[0].key: 'k' isn't metadata.name"),
    (spec(ports=[{**HOST_PORT, "hostPort": 99999}]), "containers[0].ports[0].hostPort: 99999 is no port"),
    (spec(ports=[{"containerPort": -1}]), "spec.containers[0].ports[0].containerPort: -1 is no port"),
    (spec(ports=[{"hostPort": 80}]), "spec.containers[0].ports[0].containerPort: it is required"),
    (spec(ports=[{**HOST_PORT, "hostPort": 81}], hostNetwork=True), "with hostNetwork it is the cont"),
    (spec({}, {}, ports=[HOST_PORT]), "spec.containers[1].ports[0].hostPort: the pod has TCP 80 twice"),
    (
        spec(ports=[HOST_PORT, {"containerPort": 80, "protocol": "TCP"}], hostNetwork=True),
        "spec.containers[0].ports[1].hostPort: the pod has TCP 80 twice",
    ),
    (near(matchLabelKeys=["k"]), f"{TERM}.matchLabelKeys: it is for rules with a labelSelector"),
    (near(mismatchLabelKeys=["k"]), f"{TERM}.mismatchLabelKeys: it is for rules with a labelSelector"),
    (
        near(matchLabelKeys=["k"], mismatchLabelKeys=["k"], labelSelector={}),
        f"{TERM}.matchLabelKeys: 'k' is among mismatchLabelKeys",
    ),
    (spread(matchLabelKeys=["k"]), "[0].matchLabelKeys: it is for rules with a labelSelector"),
    (
        spec(tolerations=[{"operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}]),
        "spec.tolerations[0].tolerationSeconds: it is for the effect NoExecute",
    ),
    (spec(**claims("a", "a")), "spec.resourceClaims[1].name: there are several of the name a"),
    (spec(**claims("")), "spec.resourceClaims[0].name: it is required"),
    (spec(**claims("a", resourceClaimName="c")), "spec.resourceClaims[0]: it has one of"),
    (spec(resourceClaims=[{"name": "a"}]), "spec.resourceClaims[0]: it has one of"),
    (spec({"claims": [{"name": "b"}]}, **claims("a")), "resources.claims[0]: the pod has no claim 'b'"),
    (spec({"claims": [{"name": {}}]}), "spec.containers[0].resources.claims[0]: the pod has no claim {}"),
    (spec(nodeName="n", schedulingGates=[{"name": "g"}]), "spec.nodeName: a pod with"),
    (spec(resources={"limits": {"nvidia.com/gpu": 1}}), "spec.resources: a pod as a whole asks for"),
    (spec(resources={"claims": [{"name": "a"}]}), "spec.resources.claims: claims are for containers"),
    (spec(cpu("2"), cpu("2"), resources=cpu("3")), "spec.resources.requests: cpu is below what"),
    (spec(cpu(None, "4"), resources=cpu("3")), "spec.resources.requests: cpu is below what"),
    (spec(cpu(None, "4"), resources=cpu(None, "3")), "[0].resources.limits: cpu is over the pod's"),
]


@pytest.mark.parametrize(("body", "problem"), REFUSED)
def test_what_no_apiserver_stores_is_refused(body: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        check_pod({"spec": body})


STORED = [
    spread(whenUnsatisfiable="ScheduleAnyway", nodeAffinityPolicy="Ignore", **labels("In", "a")),
    spread(minDomains=2),
    spec(
        topologySpreadConstraints=[
            *spread()["topologySpreadConstraints"],
            *spread(whenUnsatisfiable="ScheduleAnyway")["topologySpreadConstraints"],
        ]
    ),
    near(**labels("NotIn", "a", "b")),
    near(labelSelector=None),
    # The scheduler takes it for a term that no node matches.
    selecting("Gt", "text"),
    selecting("In", "n1", part="matchFields", key="metadata.name"),
    spec(ports=[{**HOST_PORT, "hostPort": 81}, {"containerPort": 65535}]),
    spec(ports=[HOST_PORT, {"containerPort": 90}], hostNetwork=True),
    spec(ports=[{**HOST_PORT, "hostPort": 0}], hostNetwork=True),
    spec({}, {}, ports=[{"containerPort": 80}]),
    spec(ports=[HOST_PORT, {**HOST_PORT, "protocol": "UDP"}, {**HOST_PORT, "hostIP": "127.0.0.1"}]),
    {**spec(ports=[HOST_PORT]), "initContainers": spec({}, {}, ports=[HOST_PORT])["containers"]},
    near(matchLabelKeys=["k"], mismatchLabelKeys=["l"], labelSelector={}),
    spread(matchLabelKeys=["k"], labelSelector={}),
    spec(tolerations=[{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]),
    spec({"claims": [{"name": "a", "request": "r"}]}, **claims("a", "b")),
    spec(cpu("2"), cpu("1"), resources=cpu("3", "4")),
    spec(cpu("2", "3"), resources=cpu(None, "3")),
    spec(cpu("2"), resources={"requests": {"memory": "1"}}),
]


@pytest.mark.parametrize("body", STORED)
def test_what_an_apiserver_stores_is_not(body: Any) -> None:
    check_pod({"spec": body})
    assert admit({"spec": body}, "ns", NO_POLICIES).refusal is None


NO_POLICIES = Policies(limit_ranges={}, runtime_classes={}, priority_classes={})
CLASSES = Policies(
    limit_ranges={},
    runtime_classes={"kata": RuntimeClass({"cpu": "500m"}, {}, ()), "plain": RuntimeClass({}, {}, ())},
    priority_classes={"meek": PriorityClass(5, is_default=False, preemption_policy="Never")},
)
OF_SYSTEM = "system-node-critical"


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (spec(preemptionPolicy="Never"), "PreemptionPolicy (Never) must not be provided"),
        (spec(preemptionPolicy="PreemptLowerPriority"), None),
        (spec(priorityClassName="meek", preemptionPolicy="Never"), None),
        (spec(priorityClassName="meek", preemptionPolicy="PreemptLowerPriority"), "computed Never"),
        (spec(priorityClassName=OF_SYSTEM, preemptionPolicy="Never"), "computed PreemptLowerPriority"),
        (spec(overhead={"cpu": "1"}), "Pod Overhead set without corresponding RuntimeClass"),
        (spec(overhead={"cpu": "1"}, runtimeClassName="plain"), "Overhead doesn't match"),
        (spec(overhead={"cpu": "1"}, runtimeClassName="kata"), "Overhead doesn't match"),
        (spec(overhead={"cpu": "0.5"}, runtimeClassName="kata"), None),
        (spec(runtimeClassName="kata"), None),
    ],
)
def test_classes_have_the_last_word_on_what_they_are_for(body: Any, refusal: str | None) -> None:
    found = admit({"spec": body}, "ns", CLASSES).refusal
    assert (found is None) if refusal is None else (refusal in (found or ""))


def test_claims_come_from_the_pods_namespace() -> None:
    def claim(namespace: str, count: int | None) -> Any:
        request = {"name": "r", "exactly": {"deviceClassName": "gpu", "count": count}}
        meta = {"name": "t"} | ({"namespace": namespace} if namespace else {})
        return {"kind": "ResourceClaim", "metadata": meta, "spec": {"devices": {"requests": [request]}}}

    def counts(*namespaces: str, own: str = "a") -> list[int]:
        pod = {"kind": "Pod", "metadata": {"namespace": own}, "spec": spec()}
        documents = [pod, *(claim(each, number + 2) for number, each in enumerate(namespaces))]
        return [
            each.requests[0].alternatives[0].count
            for each in read_workload(documents).bundled.claims.values()
        ]

    assert counts("b") == []
    assert counts("a", "b") == [2]
    assert counts("") == [2]
    assert counts("b", own="") == [2]
    # An apiserver makes 1 of 0, and refuses less.
    (found,) = read_workload([{"kind": "Pod", "spec": spec()}, claim("", 0)]).bundled.claims.values()
    assert found.requests[0].alternatives[0].count == 1
    with pytest.raises(ValueError, match=r"^\[1\]\.spec\.devices\.requests\[0\]: its count is below 1"):
        read_workload([{"kind": "Pod", "spec": spec()}, claim("", -1)])
