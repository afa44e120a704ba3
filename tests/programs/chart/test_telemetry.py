"""Operator and agents find and believe each other."""

import base64
from typing import Any

import pytest

from lens.model.gpu.exporters import ExporterSelector
from tests.chart.files import CHART
from tests.programs.chart.helm import Helm, Object, container, environment, the

CI = CHART / "ci"


def mounted(workload: Object, path: str) -> tuple[str, list[str] | None]:
    """Return the Secret that a file comes from, and the keys that are taken from it."""
    folder = path.rpartition("/")[0]
    (mount,) = (each for each in container(workload)["volumeMounts"] if each["mountPath"] == folder)
    pod = workload["spec"]["template"]["spec"]
    (volume,) = (each for each in pod["volumes"] if each["name"] == mount["name"])
    items = volume["secret"].get("items")
    return volume["secret"]["secretName"], items and [item["key"] for item in items]


@pytest.mark.parametrize(
    "values", ["default", "agent-namespace", "agent-tls", "existing-secret", "everything"]
)
def test_the_operator_scrapes_the_agents_in_the_charts_namespace(helm4: Helm, values: str) -> None:
    objects = helm4.objects(CI / f"{values}.yaml")
    agent, told = the(objects, "DaemonSet"), environment(the(objects, "Deployment"))
    assert told["LENS_TELEMETRY_NAMESPACE"] == agent["metadata"]["namespace"]
    assert told["LENS_TELEMETRY_DAEMONSET"] == agent["metadata"]["name"]
    assert told["LENS_TELEMETRY_PORT"] == str(container(agent)["ports"][0]["containerPort"])
    selector = ExporterSelector.parse("", told["LENS_TELEMETRY_SELECTOR"], None)
    assert dict(selector.labels).items() <= agent["spec"]["template"]["metadata"]["labels"].items()


def tokens(objects: list[Object]) -> dict[str, str]:
    """Return the token in each namespace."""
    return {
        each["metadata"]["namespace"]: base64.b64decode(each["data"]["token"]).decode()
        for each in objects
        if each["kind"] == "Secret"
    }


def test_operator_and_agents_share_one_random_token(helm4: Helm) -> None:
    for values, namespaces in ("default", {"lens"}), ("agent-namespace", {"lens", "lens-agent"}):
        objects = helm4.objects(CI / f"{values}.yaml")
        found = tokens(objects)
        assert found.keys() == namespaces
        (token,) = set(found.values())
        assert len(token) >= 40
        assert token.isalnum()
        operator, agent = the(objects, "Deployment"), the(objects, "DaemonSet")
        here = mounted(operator, environment(operator)["LENS_TELEMETRY_TOKEN_FILE"])
        assert here == mounted(agent, environment(agent)["LENS_AGENT_TOKEN_FILE"])
        assert here == (
            the(objects, "Secret" if len(found) == 1 else "DaemonSet")["metadata"]["name"].removesuffix(
                "-token"
            )
            + "-token",
            ["token"],
        )


def test_an_existing_secret_is_used_and_none_is_created(helm4: Helm) -> None:
    objects = helm4.objects(CI / "existing-secret.yaml")
    assert tokens(objects) == {}
    operator, agent = the(objects, "Deployment"), the(objects, "DaemonSet")
    assert mounted(operator, environment(operator)["LENS_TELEMETRY_TOKEN_FILE"]) == ("agents", ["token"])
    assert mounted(agent, environment(agent)["LENS_AGENT_TOKEN_FILE"]) == ("agents", ["token"])


def test_with_tls_agents_have_the_certificate_and_the_operator_its_ca(helm4: Helm) -> None:
    objects = helm4.objects(CI / "agent-tls.yaml")
    operator, agent = the(objects, "Deployment"), the(objects, "DaemonSet")
    told = environment(operator)
    assert told["LENS_TELEMETRY_SERVER_NAME"] == "agents.lens.example"
    assert mounted(operator, told["LENS_TELEMETRY_CA_FILE"]) == ("lens-agent-ca", ["ca.crt"])
    found = mounted(agent, environment(agent)["LENS_AGENT_TLS_CERT_FILE"])
    assert found == ("lens-agent-tls", ["tls.crt", "tls.key"])
    probes = [
        container(agent)[f"{name}Probe"]["httpGet"]["scheme"] for name in ("startup", "readiness", "liveness")
    ]
    assert probes == ["HTTPS"] * 3


def test_one_secret_is_enough_in_one_namespace(helm4: Helm) -> None:
    objects = helm4.objects(CI / "default.yaml", sets={"agent.tls.secret": "agents-tls"})
    operator = the(objects, "Deployment")
    assert mounted(operator, environment(operator)["LENS_TELEMETRY_CA_FILE"]) == ("agents-tls", ["ca.crt"])


@pytest.mark.parametrize(
    ("values", "source", "port"), [("dcgm-exporter", "dcgm", "9400"), ("amd-exporter", "amd", "5000")]
)
def test_an_exporter_is_read_without_agents_and_without_a_token(
    helm4: Helm, values: str, source: str, port: str
) -> None:
    objects = helm4.objects(CI / f"{values}.yaml")
    assert {"DaemonSet", "Secret"}.isdisjoint(each["kind"] for each in objects)
    told = environment(the(objects, "Deployment"))
    assert (told["LENS_TELEMETRY"], told["LENS_TELEMETRY_PORT"]) == (source, port)
    assert "LENS_TELEMETRY_TOKEN_FILE" not in told


def terms(objects: list[Object]) -> list[dict[str, Any]]:
    """Return the node labels of which one is enough."""
    affinity = the(objects, "DaemonSet")["spec"]["template"]["spec"]["affinity"]["nodeAffinity"]
    found = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return [expression for term in found for expression in term["matchExpressions"]]


def test_agents_run_on_gpu_nodes_with_any_of_the_labels_and_any_taint(helm4: Helm) -> None:
    objects = helm4.objects(CI / "default.yaml")
    assert [(each["key"], each["operator"], each.get("values")) for each in terms(objects)] == [
        ("nvidia.com/gpu.present", "In", ["true"]),
        ("feature.node.kubernetes.io/pci-10de.present", "In", ["true"]),
        ("cloud.google.com/gke-accelerator", "Exists", None),
    ]
    pod = the(objects, "DaemonSet")["spec"]["template"]["spec"]
    assert pod["tolerations"] == [{"operator": "Exists"}]


def agent(helm: Helm, *presets: str) -> Object:
    """Return the DaemonSet with presets."""
    files = [CHART / "presets" / f"{name}.yaml" for name in presets]
    return the(helm.objects(CI / "default.yaml", *files), "DaemonSet")


def test_presets_request_devices_as_their_clusters_provide_them(helm4: Helm) -> None:
    by_class = agent(helm4, "runtime-class")
    assert by_class["spec"]["template"]["spec"]["runtimeClassName"] == "nvidia"
    assert environment(by_class)["NVIDIA_VISIBLE_DEVICES"] == "all"

    by_default = agent(helm4, "default-runtime")
    assert by_default == agent(helm4)
    assert "runtimeClassName" not in by_default["spec"]["template"]["spec"]

    for preset, annotation in (
        ("cdi", "cdi.k8s.io/lens-agent"),
        ("cdi-nri", "nvidia.cdi.k8s.io/container.agent"),
    ):
        by_cdi = agent(helm4, preset)
        annotations = by_cdi["spec"]["template"]["metadata"]["annotations"]
        assert annotations == {annotation: "management.nvidia.com/gpu=all"}
        assert environment(by_cdi)["NVIDIA_VISIBLE_DEVICES"] == "void"

    by_mount = agent(helm4, "volume-mounts")
    mounts = {each["mountPath"]: each["name"] for each in container(by_mount)["volumeMounts"]}
    volumes = {each["name"]: each for each in by_mount["spec"]["template"]["spec"]["volumes"]}
    device = volumes[mounts["/var/run/nvidia-container-devices/all"]]
    assert device["hostPath"] == {"path": "/dev/null"}


def test_on_gke_the_driver_comes_from_the_node(helm4: Helm) -> None:
    on_gke = agent(helm4, "gke")
    assert container(on_gke)["securityContext"]["privileged"]
    assert environment(on_gke)["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib64"
    assert not [name for name in environment(on_gke) if name.startswith("NVIDIA")]


def test_mig_monitoring_goes_with_each_other_preset_and_alone_gives_a_capability(helm4: Helm) -> None:
    assert "add" not in container(agent(helm4, "cdi"))["securityContext"]["capabilities"]
    both = agent(helm4, "runtime-class", "mig-monitoring")
    assert both["spec"]["template"]["spec"]["runtimeClassName"] == "nvidia"
    assert environment(both)["NVIDIA_MIG_MONITOR_DEVICES"] == "all"
    assert container(both)["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["SYS_ADMIN"]}
