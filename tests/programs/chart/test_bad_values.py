"""Values that can't be are refused before anything is installed, by name."""

import json
import shutil
from pathlib import Path

import pytest

from tests.chart.files import CHART
from tests.programs.chart.helm import APIS, KUBERNETES, REQUIRED, Helm, HelmError

NAMED = {"cluster": "prod-cluster"}


def refusal(helm: Helm, tmp_path: Path, values: object, **options: object) -> str:
    """Return what Helm says about values."""
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values))
    with pytest.raises(HelmError) as refused:
        helm.template(file, **options)  # type: ignore[arg-type]
    return str(refused.value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"clusterName": "prod"}, "'clusterName' not allowed"),
        ({"operator": {"replicsa": 3}}, "'/operator': additional properties 'replicsa' not allowed"),
        (
            {"operator": {"settings": {"cacheSecs": 3}}},
            "'/operator/settings': additional properties 'cacheSecs'",
        ),
        ({"agent": {"settings": {"interval": 3}}}, "'/agent/settings': additional properties 'interval'"),
        ({"agent": {"nvidia": {"devices": "all"}}}, "'/agent/nvidia': additional properties 'devices'"),
        (
            {"agent": {"readinessProbe": {"period": 3}}},
            "'/agent/readinessProbe': additional properties 'period'",
        ),
        ({"image": {"digset": ""}}, "'/image': additional properties 'digset'"),
        ({"serviceMonitor": {"enable": True}}, "'/serviceMonitor': additional properties 'enable'"),
        (
            {"operator": {"resources": {"request": {}}}},
            "'/operator/resources': additional properties 'request'",
        ),
    ],
)
def test_a_typo_is_reported_with_its_path(
    either: Helm, tmp_path: Path, values: dict[str, object], told: str
) -> None:
    assert told in refusal(either, tmp_path, NAMED | values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"cluster": 7}, "'/cluster': got number, want string"),
        ({"cluster": "prod cluster"}, "'/cluster': 'prod cluster' does not match"),
        ({"operator": {"replicas": "two"}}, "'/operator/replicas': got string, want integer"),
        (
            {"operator": {"settings": {"metricsOpen": "yes"}}},
            "'/operator/settings/metricsOpen': got string, want boolean",
        ),
        ({"operator": {"settings": {"cacheSeconds": 9999}}}, "'/operator/settings/cacheSeconds': maximum"),
        ({"operator": {"settings": {"gpuResources": []}}}, "'/operator/settings/gpuResources': minItems"),
        # A rule without ports allows all of them.
        ({"networkPolicy": {"apiServerPorts": []}}, "'/networkPolicy/apiServerPorts': minItems"),
        ({"networkPolicy": {"apiServerPorts": None}}, "'/networkPolicy': missing property 'apiServerPorts'"),
        ({"operator": {"preStopSeconds": 0}}, "'/operator/preStopSeconds': minimum"),
        ({"operator": {"extraEnv": {"A": "b"}}}, "'/operator/extraEnv': got object, want array"),
        (
            {"operator": {"extraEnv": [{"name": "A", "value": 1}]}},
            "'/operator/extraEnv/0/value': got number, want string",
        ),
        ({"operator": {"podLabels": {"a": 1}}}, "'/operator/podLabels/a': got number, want string"),
        ({"agent": {"port": 70000}}, "'/agent/port': maximum"),
        ({"agent": {"namespace": "Lens Agent"}}, "'/agent/namespace': 'Lens Agent' does not match"),
        ({"agent": {"kubeletRootDir": "var/lib/kubelet"}}, "'/agent/kubeletRootDir'"),
        (
            {"telemetry": {"source": "nvml"}},
            "'/telemetry/source': value must be one of 'agent', 'dcgm', 'amd', 'none'",
        ),
        ({"auth": {"mode": "none"}}, "'/auth/mode': value must be one of 'kubernetes', 'static'"),
        ({"image": {"tag": 1.1}}, "'/image/tag': got number, want string"),
        ({"image": {"digest": "sha256:abc"}}, "'/image/digest'"),
        ({"service": {"type": "ClusterIp"}}, "'/service/type'"),
        ({"listenAddress": "localhost"}, "'/listenAddress'"),
        ({"image": {"repository": "registry.example.com/lens\n"}}, "'/image/repository'"),
        ({"telemetry": {"exporter": {"selector": "app=x\ny: z"}}}, "'/telemetry/exporter/selector'"),
        ({"agent": {"nvidia": {"visibleDevices": "all\n"}}}, "'/agent/nvidia/visibleDevices'"),
        ({"agent": {"tls": {"serverName": "lens agent"}}}, "'/agent/tls/serverName'"),
        ({"ingress": {"hosts": ["a\nb"]}}, "'/ingress/hosts/0'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(
    either: Helm, tmp_path: Path, values: dict[str, object], told: str
) -> None:
    assert told in refusal(either, tmp_path, NAMED | values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"listenAddress": None}, "missing property 'listenAddress'"),
        ({"ingress": None}, "missing property 'ingress'"),
        ({"agent": {"port": None}}, "'/agent': missing property 'port'"),
        ({"operator": {"serviceAccount": {"create": None}}}, "'/operator/serviceAccount': missing property"),
    ],
)
def test_a_value_that_is_needed_and_left_empty_is_named(
    either: Helm, tmp_path: Path, values: dict[str, object], told: str
) -> None:
    assert told in refusal(either, tmp_path, NAMED | values)


def test_a_list_or_a_mapping_that_is_left_empty_is_as_if_it_were_not_there(
    either: Helm, tmp_path: Path
) -> None:
    file = tmp_path / "values.yaml"
    more = ("settings", "extraEnv", "extraArgs", "extraVolumes", "extraVolumeMounts")
    empty = {part: dict.fromkeys(more) for part in ("operator", "agent")}
    file.write_text(json.dumps(empty | {"commonLabels": None, "commonAnnotations": None}))
    # A token that the chart makes would be another one each time.
    sets = NAMED | {"agent.token.existingSecret": "agent-token"}
    assert either.objects(file, sets=sets) == either.objects(sets=sets)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"cluster": ""}, "cluster is required"),
        ({"image": {"repository": ""}}, "image.repository is required"),
        ({"image": {"repository": "registry.example.com:5000/lens:0.1.0"}}, "these are image.tag and"),
        ({"image": {"repository": "lens@sha256:abc"}}, "image.repository is lens@sha256:abc, with a tag or"),
        ({"auth": {"mode": "static"}}, "auth.tokensSecret is required"),
        ({"auth": {"tokensSecret": "tokens"}}, "auth.tokensSecret is for auth.mode=static"),
        ({"telemetry": {"source": "dcgm"}}, "telemetry.exporter.namespace is required"),
        (
            {"telemetry": {"source": "amd", "exporter": {"namespace": "amd"}}},
            "telemetry.exporter.selector is required",
        ),
        ({"agent": {"namespace": "gpus", "tls": {"secret": "cert"}}}, "agent.tls.caSecret is required"),
        ({"agent": {"tls": {"caSecret": "ca"}}}, "agent.tls.caSecret is set without agent.tls.secret"),
        ({"operator": {"serviceAccount": {"create": False}}}, "operator.serviceAccount.name is required"),
        ({"ingress": {"enabled": True}}, "ingress.hosts is required"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs is required"),
        ({"telemetry": {"source": "none"}, "podMonitor": {"enabled": True}}, "podMonitor.enabled is for"),
        (
            {"operator": {"extraEnv": [{"name": "LENS_LISTEN", "value": "x"}]}},
            "operator.extraEnv: LENS_LISTEN",
        ),
        (
            {"agent": {"settings": {"dcgmNames": True}, "extraEnv": [{"name": "LENS_AGENT_DCGM_NAMES"}]}},
            "agent.extraEnv: LENS_AGENT_DCGM_NAMES",
        ),
    ],
)
def test_conflicting_values_have_a_readable_error(
    either: Helm, tmp_path: Path, values: dict[str, object], told: str
) -> None:
    assert told in refusal(either, tmp_path, NAMED | values)


@pytest.mark.parametrize(
    ("monitor", "api"),
    [
        ({"serviceMonitor": {"enabled": True}}, APIS[0]),
        ({"podMonitor": {"enabled": True}}, APIS[0]),
        ({"prometheusRule": {"enabled": True}}, APIS[0]),
        ({"httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]}}, APIS[1]),
    ],
)
def test_kinds_that_the_cluster_lacks_are_an_error_that_says_how_to_render_them_anyway(
    either: Helm, tmp_path: Path, monitor: dict[str, object], api: str
) -> None:
    others = [each for each in APIS if each != api]
    told = refusal(either, tmp_path, NAMED | monitor, apis=others)
    assert f"doesn't serve {api}" in told
    assert f"--api-versions {api}" in told


def test_a_kubernetes_that_is_too_old_is_refused_and_vendors_versions_are_not(either: Helm) -> None:
    with pytest.raises(HelmError, match=r"requires kubeVersion: >=1\.30\.0-0"):
        either.template(sets=NAMED, kubernetes="1.29.14")
    for version in ("1.30.0", "1.30.4-eks-a737599", "v1.33.4-gke.1134000", "v1.31.7+k3s1"):
        assert either.objects(sets=NAMED, kubernetes=version)


def test_a_parent_chart_may_bring_its_globals(either: Helm, tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(NAMED | {"global": {"imageRegistry": "registry.example.com"}}))
    assert either.objects(file)


@pytest.mark.parametrize("enabled", [True, False])
def test_a_parent_chart_may_have_a_condition_for_it(either: Helm, tmp_path: Path, enabled: bool) -> None:
    parent = tmp_path / "parent"
    shutil.copytree(CHART, parent / "charts" / "lens")
    dependency = {"name": "lens", "version": ">=0.0.0-0", "condition": "lens.enabled"}
    chart = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [dependency]}
    (parent / "Chart.yaml").write_text(json.dumps(chart))
    values = {"lens": {"enabled": enabled, "cluster": "x", "image": {"repository": "x"}}}
    (parent / "values.yaml").write_text(json.dumps(values))
    rendered = either.run("template", "release", str(parent), "--kube-version", KUBERNETES)
    assert ("kind: Deployment" in rendered) == enabled


def test_the_chart_can_be_linted_strictly_as_it_is(either: Helm) -> None:
    assert "0 chart(s) failed" in either.run("lint", "--strict", str(CHART), "--values", str(REQUIRED))
