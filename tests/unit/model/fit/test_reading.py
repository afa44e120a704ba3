"""What others write is read as the scheduler reads it, within bounds; an error names the field."""

import json
from typing import Any

import pytest

from lens.model.fit.admission.policies import Budget, budget_decoder
from lens.model.fit.spec.asked import read_asked_pod
from lens.model.fit.spec.labels import UNKNOWN_LABELS
from lens.model.fit.spec.node import FitNode
from lens.model.fit.spec.resources import is_scheduled
from lens.model.inventory.decoding.decoder import Reading
from lens.model.inventory.objects.pod_key import PodKey
from lens.model.k8s.bounds import (
    MAX_FIT_RESOURCES,
    MAX_LABELS,
    MAX_NODE_LABELS,
    MAX_PORTS,
    MAX_TERMS,
    MAX_VALUES,
)
from tests.unit.model.fit.fleets import asked, node, pod, read_node, read_pod
from tests.unit.model.manifests import GPU, Object

ALWAYS = "requiredDuringSchedulingIgnoredDuringExecution"


def not_in(values: list[str]) -> Object:
    """Return a node selector with one term."""
    return {
        "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "NotIn", "values": values}]}]
    }


def request(raw: dict[str, Any]) -> dict[str, int]:
    return dict(asked(raw).request)


def test_quantities_are_added_exactly_and_rounded_up_once() -> None:
    raw = pod(requests={"cpu": "0.0001", "memory": "0.1", "ephemeral-storage": "1Ki", "pods": "3"})
    raw["spec"]["containers"] *= 3
    assert request(raw) == {"cpu": 1, "memory": 1, "ephemeral-storage": 3072}


def test_pod_level_requests_override_the_sum_of_the_containers_and_overhead_comes_on_top() -> None:
    raw = pod(2, requests={"cpu": "4"}, resources={"requests": {"cpu": "1", GPU: "7"}}, overhead={"cpu": "1"})
    assert request(raw) == {"cpu": 2000, GPU: 2}


def test_pod_level_requests_of_a_pod_on_a_node_count_what_its_status_has() -> None:
    def cpu(*, infeasible: bool) -> int:
        conditions = [{"type": "PodResizePending", "reason": "Infeasible"}] if infeasible else []
        status = {
            "resources": {"requests": {"cpu": "2"}},
            "allocatedResources": {"cpu": "3"},
            "conditions": conditions,
        }
        found = read_pod(pod(nodeName="a", resources={"requests": {"cpu": "5"}}, status=status))
        assert found is not None
        return dict(found.request)["cpu"]

    assert (cpu(infeasible=False), cpu(infeasible=True)) == (5000, 3000)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("cpu", True),
        ("nvidia.com/gpu", True),
        ("hugepages-1Gi", True),
        ("kubernetes.io/odd", True),
        ("attachable-volumes-x", True),
        ("pods", False),
        ("gpu", False),
        ("requests.nvidia.com/gpu", False),
        ("nvidia.com/", False),
        ("NVIDIA.com/gpu", False),
        (f"example.com/{'x' * 64}", False),
        (f"{'x' * 245}/gpu", False),
        (f"{'x' * 244}/gpu", True),
    ],
)
def test_only_resources_that_the_scheduler_counts_are_counted(resource: str, expected: bool) -> None:
    assert is_scheduled(resource) is expected


def test_a_finished_pod_and_one_that_waits_take_no_room() -> None:
    assert read_pod(pod(1)) is None
    assert read_pod(pod(1, nodeName="a", status={"phase": "Failed"})) is None
    assert read_pod(pod(1, nodeName="a", status={"phase": "Running"})) is not None


def test_pods_with_equal_requests_and_labels_share_them() -> None:
    one = read_pod(pod(3, name="1", nodeName="a", labels={"app": "web"}))
    two = read_pod(pod(3, name="2", nodeName="b", labels={"app": "web"}))
    assert one is not None
    assert two is not None
    assert one.request is two.request
    assert one.labels is two.labels


def test_host_ports_are_those_of_containers_and_sidecars() -> None:
    raw = pod(nodeName="a")
    ports = [{"containerPort": 1, "hostPort": 1}]
    raw["spec"]["initContainers"] = [
        {"name": "init", "ports": [{"containerPort": 9, "hostPort": 9}]},
        {"name": "sidecar", "restartPolicy": "Always", "ports": [{"hostPort": 2, "protocol": "UDP"}]},
    ]
    raw["spec"]["containers"][0]["ports"] = [*ports, {"containerPort": 3}]
    found = read_pod(raw)
    assert found is not None
    assert found.ports == (("0.0.0.0", "TCP", 1), ("0.0.0.0", "UDP", 2))


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        (
            "spec: nvidia.com/gpu: 'x' is not a quantity",
            {"containers": [{"name": "c", "resources": {"requests": {GPU: "x"}}}]},
        ),
        ("spec: cpu: '-1' is below 0", {"overhead": {"cpu": "-1"}}),
        ("more than 64 resources", {"overhead": {f"e.com/{i}": 1 for i in range(MAX_FIT_RESOURCES + 1)}}),
        (r"\$.spec.nodeSelector", {"nodeSelector": {"a": 1}}),
        (r"\$.spec.tolerations\[0\].key", {"tolerations": [{"key": 1}]}),
        (r"spec.tolerations: 33 are more", {"tolerations": [{}] * (MAX_TERMS + 1)}),
        (r"spec.schedulingGates: 33 are more", {"schedulingGates": [{"name": "a"}] * (MAX_TERMS + 1)}),
        (
            r"spec.topologySpreadConstraints\[0\].labelSelector.matchExpressions\[0\].operator: 'Near'",
            {
                "topologySpreadConstraints": [
                    {
                        "whenUnsatisfiable": "DoNotSchedule",
                        "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]},
                    }
                ]
            },
        ),
        (
            rf"spec.affinity.podAffinity: {ALWAYS}\[0\].labelSelector.matchLabels.key: '-' is no label's",
            {"affinity": {"podAffinity": {ALWAYS: [{"labelSelector": {"matchLabels": {"-": ""}}}]}}},
        ),
        (
            rf"spec.affinity.podAntiAffinity: {ALWAYS}\[0\].namespaceSelector.matchExpressions\[0\].values",
            {
                "affinity": {
                    "podAntiAffinity": {
                        ALWAYS: [
                            {"namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}
                        ]
                    }
                }
            },
        ),
        (
            "spec.affinity.nodeAffinity: values: 1025 are more",
            {"affinity": {"nodeAffinity": {ALWAYS: not_in(["x"] * (MAX_VALUES + 1))}}},
        ),
        (
            "namespaces: 1025 are more",
            {"affinity": {"podAffinity": {ALWAYS: [{"namespaces": ["a"] * (MAX_VALUES + 1)}]}}},
        ),
        (
            "spec.affinity.nodeAffinity: 33 terms are more",
            {"affinity": {"nodeAffinity": {ALWAYS: {"nodeSelectorTerms": [{}] * (MAX_TERMS + 1)}}}},
        ),
        (
            r"spec.containers\[0\].ports: ",
            {"containers": [{"name": "c", "ports": [{"hostPort": "http"}]}]},
        ),
        (
            "spec.containers: more than 256 host ports",
            {"containers": [{"name": "c", "ports": [{"hostPort": 1 + i} for i in range(MAX_PORTS + 1)]}]},
        ),
    ],
)
def test_an_error_names_the_field(field: str, spec: dict[str, Any]) -> None:
    raw = pod()
    raw["spec"] |= spec
    with pytest.raises(ValueError, match=field):
        asked(raw)


def test_a_term_that_kubernetes_cannot_parse_selects_no_node_and_is_no_error() -> None:
    for values, terms in (([], 0), (["-"], 0), (["x"], 1), (["x"] * MAX_VALUES, 1)):
        selector = asked(pod(affinity={"nodeAffinity": {ALWAYS: not_in(values)}})).selector
        assert len(selector.terms or ()) == terms


def test_a_budget_with_more_than_is_looked_at_is_not_taken_for_one_that_selects_nothing() -> None:
    def budget(*values: str) -> Reading[PodKey, Budget]:
        selector = {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": values}]}
        raw = {
            "metadata": {"name": "b", "namespace": "ns", "resourceVersion": "1"},
            "spec": {"selector": selector},
        }
        return budget_decoder().read(json.dumps(raw).encode())

    many = budget(*["x"] * (MAX_VALUES + 1))
    assert many.value is None
    assert "spec.selector: matchExpressions[0].values: 1025 are more than 1024" in str(many.problem)
    nothing = budget("-").value
    assert nothing is not None
    assert nothing.selector is None


def test_too_many_labels_are_an_error_of_a_pod_that_is_asked_about_and_unknown_of_others() -> None:
    labels = {f"l{number}": "x" for number in range(MAX_LABELS + 1)}
    with pytest.raises(ValueError, match=r"metadata\.labels"):
        asked(pod(labels=labels))
    there = read_pod(pod(1, labels=labels, nodeName="a"))
    assert there is not None
    assert (there.labels, there.request) == (UNKNOWN_LABELS, ((GPU, 1),))


def test_a_node_may_have_all_labels_that_feature_discovery_writes() -> None:
    def labelled(count: int) -> FitNode:
        return read_node(node("a", labels={f"feature.example.com/f{number}": "" for number in range(count)}))

    assert len(labelled(MAX_LABELS + 1).labels) == MAX_LABELS + 2
    assert len(labelled(MAX_NODE_LABELS - 1).labels) == MAX_NODE_LABELS
    with pytest.raises(ValueError, match=r"metadata\.labels: 1025 are more than 1024"):
        labelled(MAX_NODE_LABELS)


def test_a_node_says_which_quantity_it_has_wrong() -> None:
    with pytest.raises(ValueError, match=r"status.allocatable: cpu: 'many' is not a quantity"):
        read_node(node("a", allocatable={"cpu": "many"}))


def test_what_is_nested_too_deep_is_an_error() -> None:
    deep = b'{"metadata":{"name":"a"},"spec":{"volumes":' + b"[" * 5000 + b"]" * 5000 + b"}}"
    with pytest.raises(ValueError, match=r"nested too deep|spec\.volumes"):
        read_asked_pod(deep)
