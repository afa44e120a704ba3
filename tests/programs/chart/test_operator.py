"""How the operator is run and reached."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from lens import __version__
from tests.chart.files import CHART
from tests.programs.chart.helm import (
    KUBERNETES,
    REQUIRED,
    Helm,
    Object,
    container,
    environment,
    parse,
    the,
)

CI = CHART / "ci"
DEFAULT = CI / "default.yaml"


def test_an_update_starts_a_replica_before_it_ends_one_that_still_answers_for_a_while(helm4: Helm) -> None:
    operator = the(helm4.objects(DEFAULT), "Deployment")
    assert operator["spec"]["replicas"] == 2
    assert operator["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    pause = container(operator)["lifecycle"]["preStop"]["sleep"]["seconds"]
    # Lens gives requests under way 10 s.
    assert operator["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= pause + 10


def test_a_drained_node_takes_one_replica_at_a_time_and_they_are_spread(helm4: Helm) -> None:
    objects = helm4.objects(DEFAULT)
    budget = the(objects, "PodDisruptionBudget")["spec"]
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    pod = the(objects, "Deployment")["spec"]["template"]
    spread = pod["spec"]["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    for each in spread:
        assert each["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert each["matchLabelKeys"] == ["pod-template-hash"]


def test_a_constraint_with_a_selector_of_its_own_is_left_as_it_is(helm4: Helm) -> None:
    pod = the(helm4.objects(CI / "everything.yaml"), "Deployment")["spec"]["template"]["spec"]
    (spread,) = pod["topologySpreadConstraints"]
    assert spread["labelSelector"] == {"matchLabels": {"team": "platform"}}
    assert "matchLabelKeys" not in spread


def test_requests_go_to_replicas_that_are_ready_and_stuck_ones_are_started_anew(helm4: Helm) -> None:
    one = container(the(helm4.objects(DEFAULT), "Deployment"))
    paths = {name: one[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")}
    assert paths == {"startup": "/healthz", "readiness": "/readyz", "liveness": "/healthz"}


def test_the_quickstarts_address_is_right_inside_the_namespace(helm4: Helm) -> None:
    service = the(helm4.objects(DEFAULT), "Service")
    assert (service["metadata"]["name"], service["spec"]["type"]) == ("lens-api", "ClusterIP")
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]


def test_with_a_certificate_everything_speaks_https(helm4: Helm) -> None:
    objects = helm4.objects(CI / "static-auth.yaml")
    operator = the(objects, "Deployment")
    assert container(operator)["ports"][0]["name"] == "https"
    assert container(operator)["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert the(objects, "Service")["spec"]["ports"][0]["port"] == 443
    assert '"https://lens-api:443"' in the(objects, "Pod")["spec"]["containers"][0]["args"][0]
    told = environment(operator)
    assert (told["LENS_AUTH"], told["LENS_TOKENS_FILE"]) == ("static", "/etc/lens/tokens/tokens.yaml")


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, f"registry.example.com/gpu/lens:{__version__}"),
        ({"image.tag": "v9"}, "registry.example.com/gpu/lens:v9"),
        (
            {"image.repository": "registry.example.com:5000/lens"},
            f"registry.example.com:5000/lens:{__version__}",
        ),
    ],
)
def test_everything_runs_the_one_image(helm4: Helm, values: dict[str, str], image: str) -> None:
    assert images(helm4.objects(DEFAULT, sets=values)) == {image}


def test_a_digest_goes_before_the_tag(helm4: Helm) -> None:
    (image,) = images(objects := helm4.objects(CI / "digest.yaml"))
    assert image.startswith("registry.example.com/gpu/lens@sha256:")
    assert all(pod["imagePullSecrets"] == [{"name": "registry"}] for pod in pods(objects))


def pods(objects: list[Object]) -> list[dict[str, Any]]:
    """Return the specs of all pods."""
    workloads = [each["spec"]["template"]["spec"] for each in objects if "template" in each.get("spec", {})]
    return workloads + [each["spec"] for each in objects if each["kind"] == "Pod"]


def images(objects: list[Object]) -> set[str]:
    return {each["image"] for pod in pods(objects) for each in pod["containers"]}


def test_one_may_name_everything_oneself(helm4: Helm) -> None:
    objects = helm4.objects(CI / "everything.yaml", release="a-release")
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    assert {
        ("Deployment", "lens-everything"),
        ("DaemonSet", "lens-everything-agent"),
        ("ServiceAccount", "lens-operator"),
        ("ServiceAccount", "lens-node"),
        ("Service", "lens-api"),
        ("ClusterRole", "lens-everything-viewer"),
    } <= names
    for each in objects:
        assert each["metadata"]["labels"]["team"] == "platform"
        assert each["metadata"]["annotations"]["example.com/owner"] == "platform"
    pod = the(objects, "Deployment")["spec"]["template"]
    assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
    assert pod["metadata"]["annotations"]["example.com/log"] == "json"
    assert pod["spec"]["priorityClassName"] == "system-cluster-critical"


def test_a_new_version_of_the_chart_alone_replaces_no_pods(helm4: Helm, tmp_path: Path) -> None:
    newer = tmp_path / "lens"
    shutil.copytree(CHART, newer)
    (newer / "Chart.yaml").write_text(
        re.sub(r"(?m)^version: .*", "version: 99.0.0", (newer / "Chart.yaml").read_text())
    )

    def templates(chart: Path) -> tuple[list[Object], str]:
        text = helm4.run(
            "template", "lens", str(chart), "--values", str(REQUIRED), "--kube-version", KUBERNETES
        )
        workloads = [each for each in parse(text) if each["kind"] in ("Deployment", "DaemonSet")]
        return [each["spec"]["template"] for each in workloads], text

    before, after = templates(CHART), templates(newer)
    assert "lens-99.0.0" in after[1]
    assert len(before[0]) == 2
    assert before[0] == after[0]


def test_objects_of_a_release_with_dots_have_names_without(helm4: Helm) -> None:
    objects = helm4.objects(DEFAULT, release="gpu.lens")
    assert the(objects, "Service")["metadata"]["name"] == "gpu-lens-api"
    assert the(objects, "Deployment")["metadata"]["labels"]["app.kubernetes.io/instance"] == "gpu.lens"


def test_a_long_release_name_is_cut_where_names_may_end(helm4: Helm) -> None:
    release = "a-very-long-name-of-a-release-with-a-dash-at-48-" + "x" * 5
    objects = helm4.objects(DEFAULT, release=release)
    assert the(objects, "Deployment")["metadata"]["name"] == "a-very-long-name-of-a-release-with-a-dash-at-48"
    assert max(len(each["metadata"]["name"]) for each in objects) <= 63


def test_nothing_that_needs_more_than_kubernetes_is_on_by_default(helm4: Helm) -> None:
    groups = {each["apiVersion"].rpartition("/")[0] for each in helm4.objects(DEFAULT, apis=[])}
    assert groups == {"", "apps", "networking.k8s.io", "policy", "rbac.authorization.k8s.io"}
