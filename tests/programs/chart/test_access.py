"""What Lens may do in a cluster, and what it can't."""

from pathlib import Path

import pytest

from tests.chart.files import CHART, CI
from tests.programs.chart.helm import Helm, Object, container, the

DEFAULT = CHART / "ci" / "default.yaml"

REVIEWS = {("authentication.k8s.io", "tokenreviews"), ("authorization.k8s.io", "subjectaccessreviews")}


def verbs(objects: list[Object], name: str) -> dict[tuple[str, str], set[str]]:
    """Return the verbs of a ClusterRole by API group and resource."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule in the(objects, "ClusterRole", name).get("rules", []):
        assert rule.keys() - {"resourceNames"} == {"apiGroups", "resources", "verbs"}
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


@pytest.mark.parametrize("values", CI, ids=lambda file: file.stem)
def test_nothing_of_lens_may_write_anything_anywhere(helm4: Helm, values: Path) -> None:
    objects = helm4.objects(values)
    assert not [each for each in objects if each["kind"] in ("Role", "RoleBinding")]
    for role in (each["metadata"]["name"] for each in objects if each["kind"] == "ClusterRole"):
        for resource, allowed in verbs(objects, role).items():
            assert allowed <= ({"create"} if resource in REVIEWS else {"get", "list", "watch"})
            assert "*" not in "".join(resource)
            assert resource[1] not in ("secrets", "configmaps", "pods/log", "pods/exec", "nodes/proxy")


def test_lens_may_read_what_it_counts_and_have_reviews_answered(helm4: Helm) -> None:
    allowed = verbs(helm4.objects(DEFAULT), "lens")
    for resource in ("", "pods"), ("", "nodes"), ("", "events"):
        assert allowed[resource] == {"get", "list", "watch"}
    for resource in REVIEWS:
        assert allowed[resource] == {"create"}


@pytest.mark.parametrize(
    ("values", "daemonset"),
    [("default", "lens-agent"), ("dcgm-exporter", "nvidia-dcgm-exporter"), ("operator-only", None)],
)
def test_of_daemonsets_lens_may_see_the_one_whose_pods_it_believes(
    helm4: Helm, values: str, daemonset: str | None
) -> None:
    objects = helm4.objects(CHART / "ci" / f"{values}.yaml")
    found = [
        rule.get("resourceNames")
        for each in objects
        if each["kind"] == "ClusterRole"
        for rule in each.get("rules", [])
        if "daemonsets" in rule["resources"]
    ]
    assert found == ([[daemonset]] if daemonset else [])


def test_custom_owners_are_gathered_by_label_and_can_be_left_out(helm4: Helm) -> None:
    objects = helm4.objects(DEFAULT)
    gathered = the(objects, "ClusterRole", "lens-owners")
    # Else every upgrade would contend with the controller that fills them in.
    assert "rules" not in gathered
    (selector,) = gathered["aggregationRule"]["clusterRoleSelectors"]
    custom = the(objects, "ClusterRole", "lens-owners-custom")
    assert selector["matchLabels"].items() <= custom["metadata"]["labels"].items()
    assert verbs(objects, "lens-owners-custom")["jobset.x-k8s.io", "jobsets"] == {"get"}
    without = helm4.objects(DEFAULT, sets={"rbac.customOwners": "false"})
    assert "lens-owners-custom" not in [each["metadata"]["name"] for each in without]
    assert the(without, "ClusterRole", "lens-owners")


def test_callers_are_bound_to_a_role_that_kubectl_can_speak_of(helm4: Helm) -> None:
    assert verbs(helm4.objects(DEFAULT), "lens-viewer") == {
        ("lens", "realtime"): {"get"},
        ("", "realtime.lens"): {"get"},
    }
    assert verbs(helm4.objects(DEFAULT), "lens-capacity-viewer") == {
        ("lens", "capacity"): {"get"},
        ("", "capacity.lens"): {"get"},
    }


def test_the_rights_are_the_operators_account_alone(helm4: Helm) -> None:
    objects = helm4.objects(DEFAULT)
    account = [{"kind": "ServiceAccount", "name": "lens", "namespace": "lens"}]
    bindings = [each for each in objects if each["kind"] == "ClusterRoleBinding"]
    assert {each["roleRef"]["name"]: each["subjects"] for each in bindings} == {
        "lens": account,
        "lens-exporters": account,
        "lens-owners": account,
    }
    operator, agent = (the(objects, kind)["spec"]["template"]["spec"] for kind in ("Deployment", "DaemonSet"))
    assert (operator["serviceAccountName"], operator["automountServiceAccountToken"]) == ("lens", True)
    assert (agent["serviceAccountName"], agent["automountServiceAccountToken"]) == ("lens-agent", False)
    accounts = [each for each in objects if each["kind"] == "ServiceAccount"]
    assert [each["automountServiceAccountToken"] for each in accounts] == [False, False]


def test_the_agent_is_root_with_no_capability_and_sees_one_folder_of_the_node(helm4: Helm) -> None:
    agent = the(helm4.objects(DEFAULT), "DaemonSet")
    security = container(agent)["securityContext"]
    assert security == {
        "runAsUser": 0,
        "runAsGroup": 0,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    volumes = agent["spec"]["template"]["spec"]["volumes"]
    paths = [each["hostPath"] for each in volumes if "hostPath" in each]
    assert paths == [{"path": "/var/lib/kubelet/pod-resources", "type": "Directory"}]


def test_network_policies_let_in_the_operator_and_let_the_agent_nowhere(helm4: Helm) -> None:
    objects = helm4.objects(DEFAULT, sets={"agent.namespace": "lens-agent"})
    agent = the(objects, "NetworkPolicy", "lens-agent")["spec"]
    assert agent["policyTypes"] == ["Ingress", "Egress"]
    assert "egress" not in agent
    ((peer,),) = [rule["from"] for rule in agent["ingress"]]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "lens"}
    operator = the(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert peer["podSelector"]["matchLabels"].items() <= operator.items()
    egress = [
        rule
        for name in ("lens", "lens-telemetry")
        for rule in the(objects, "NetworkPolicy", name)["spec"]["egress"]
    ]
    ports = [[port["port"] for port in rule["ports"]] for rule in egress]
    assert ports == [[443, 6443], [53, 53], [9479]]


def test_the_network_policy_lets_prometheus_scrape_the_agents_if_set(helm4: Helm) -> None:
    policy = the(helm4.objects(CHART / "ci" / "monitoring.yaml"), "NetworkPolicy", "lens-agent")["spec"]
    _, prometheus = policy["ingress"][0]["from"]
    assert prometheus["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}


def test_who_enforces_other_policies_can_leave_these_out(helm4: Helm) -> None:
    objects = helm4.objects(DEFAULT, sets={"networkPolicy.enabled": "false"})
    assert not [each for each in objects if each["kind"] == "NetworkPolicy"]
