"""What every way to set the chart has to come to."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.chart.files import CHART, CI, PRESETS
from tests.profiles import full_or
from tests.programs.chart.helm import KUBERNETES, Helm, Object, container, environment, the
from tests.programs.chart.security import Level, breaches

DEFAULT = CHART / "ci" / "default.yaml"
WAYS = [(each,) for each in CI] + [(DEFAULT, each) for each in PRESETS]

every_way = pytest.mark.parametrize("values", WAYS, ids=lambda files: files[-1].stem)


@every_way
def test_helm_lints_it_strictly(either: Helm, values: tuple[Path, ...]) -> None:
    files = [argument for each in values for argument in ("--values", str(each))]
    assert "0 chart(s) failed" in either.run(
        "lint", "--strict", str(CHART), "--kube-version", KUBERNETES, *files
    )


@every_way
def test_both_versions_of_helm_make_the_same_sound_objects(
    helms: dict[str, Helm], values: tuple[Path, ...]
) -> None:
    made = {name: helm.objects(*values) for name, helm in helms.items()}
    for objects in made.values():
        level: Level = "privileged" if values[-1].stem == "gke" else "agent"
        assert list(problems(objects, level)) == []
        for secret in (each for each in objects if each["kind"] == "Secret"):
            secret["data"] = None  # a new token each time
    key = json.dumps
    assert sorted(made["helm"], key=key) == sorted(made["helm3"], key=key)


# YAML would take some names for something else.
named = st.from_regex(r"[a-z]([a-z0-9-]{0,12}[a-z0-9])?", fullmatch=True) | st.sampled_from(
    ["true", "null", "on"]
)
switch = st.booleans()
MATRIX = st.fixed_dictionaries(
    {
        "cluster": st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True),
        "nameOverride": named | st.just(""),
        "fullnameOverride": named | st.just(""),
        "listenAddress": st.sampled_from(["0.0.0.0", "[::]"]),
        "auth": st.sampled_from([{}, {"mode": "static", "tokensSecret": "tokens"}]),
        "telemetry": st.one_of(
            st.sampled_from([{"source": "agent"}, {"source": "none"}]),
            st.fixed_dictionaries(
                {
                    "source": st.sampled_from(["dcgm", "amd"]),
                    "exporter": st.just({"namespace": "exporters", "selector": "app=exporter"}),
                }
            ),
        ),
        "operator": st.fixed_dictionaries(
            {
                "replicas": st.integers(0, 5),
                "tls": st.fixed_dictionaries({"secret": named | st.just("")}),
                "peers": st.fixed_dictionaries({"secret": named | st.just("")}),
                "settings": st.sampled_from([{}, {"requestsBurst": 1_000_000, "alertIdlePercent": 0.25}]),
                "podDisruptionBudget": st.fixed_dictionaries({"enabled": switch}),
                "topologySpreadConstraints": st.sampled_from([[], [{"maxSkew": 2, "topologyKey": "rack"}]]),
            }
        ),
        "agent": st.fixed_dictionaries(
            {
                "namespace": named | st.just(""),
                "port": st.integers(1, 65535),
                "token": st.fixed_dictionaries({"existingSecret": named | st.just("")}),
                "tls": st.sampled_from([{}, {"secret": "certificate", "caSecret": "authority"}]),
                "nvidia": st.fixed_dictionaries(
                    {"volumeMounts": switch, "migMonitorDevices": st.sampled_from(["", "all"])}
                ),
                "serviceAccount": st.fixed_dictionaries({"create": switch}),
            }
        ),
        "rbac": st.fixed_dictionaries({"create": switch, "customOwners": switch}),
        "networkPolicy": st.fixed_dictionaries(
            {"enabled": switch, "clients": st.sampled_from([[], [{"podSelector": {}}]])}
        ),
        "ingress": st.fixed_dictionaries({"enabled": switch, "hosts": st.just(["lens.example.com"])}),
        "httpRoute": st.fixed_dictionaries({"enabled": switch, "parentRefs": st.just([{"name": "gateway"}])}),
        "serviceMonitor": st.fixed_dictionaries({"enabled": switch}),
        "prometheusRule": st.fixed_dictionaries({"enabled": switch}),
        "dashboard": st.fixed_dictionaries({"enabled": switch}),
    }
)
RELEASES = st.from_regex(r"[a-z]([a-z0-9-]{0,51}[a-z0-9])?", fullmatch=True)
NAMESPACES = named | st.from_regex(r"[0-9]{1,5}", fullmatch=True)


@settings(
    max_examples=full_or(10, 50),
    phases=[Phase.generate],  # to shrink it would render it hundreds of times more
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(values=MATRIX, release=RELEASES, namespace=NAMESPACES)
def test_no_combination_of_switches_makes_what_a_cluster_would_refuse(
    helm4: Helm, tmp_path: Path, values: dict[str, Any], release: str, namespace: str
) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(values))
    note(f"{release} in {namespace}: {file.read_text()}")
    assert list(problems(helm4.objects(file, release=release, namespace=namespace))) == []


def test_names_of_digits_stay_texts(either: Helm) -> None:
    objects = either.objects(
        sets={"cluster": "prod", "service.name": "lens-api"}, release="2024", namespace="10"
    )
    assert list(problems(objects)) == []
    operator = the(objects, "Deployment")
    assert (operator["metadata"]["name"], operator["metadata"]["namespace"]) == ("2024-lens", "10")


def problems(objects: list[Object], agent: Level = "agent") -> Iterator[str]:
    """Go through what an apiserver, a strict namespace or Helm's server-side apply would refuse or lose.

    ``agent`` is what the agent's namespace allows.
    """
    identities = Counter(
        (each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in objects
    )
    yield from (f"twice: {identity}" for identity, times in identities.items() if times > 1)
    for each in objects:
        where = f"{each['kind']} {each['metadata']['name']}"
        yield from (f"{where}: {what}" for what in _names(each))
        yield from (f"{where}: {what}" for what in _dead_ends(each, objects))
        if each["kind"] in ("Deployment", "DaemonSet"):
            yield from (f"{where}: {what}" for what in _workload(each))
            level = "restricted" if each["kind"] == "Deployment" else agent
            yield from (f"{where}: {what}" for what in breaches(each["spec"]["template"]["spec"], level))
        if each["kind"] == "Pod":
            yield from (f"{where}: {what}" for what in breaches(each["spec"], "restricted"))


def _names(each: Object) -> Iterator[str]:
    metadata = each["metadata"]
    texts = (metadata["name"], metadata.get("namespace", ""), *metadata["labels"].values())
    if not all(isinstance(text, str) for text in texts):
        yield f"not all texts: {texts}"
        return
    if len(metadata["name"]) > 63 or not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", metadata["name"]):
        yield "its name"
    if each["kind"] == "Service" and not re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", metadata["name"]):
        yield "its name is no label of DNS that begins with a letter"
    for label, value in metadata["labels"].items():
        if len(value) > 63 or not re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?", value):
            yield f"the label {label}={value}"


def _workload(each: Object) -> Iterator[str]:
    """Lists that server-side apply takes for maps have each key once, and what is mounted is there."""
    template = each["spec"]["template"]
    one, pod = container(each), template["spec"]
    for name, key in (("env", "name"), ("ports", "containerPort"), ("volumeMounts", "mountPath")):
        keys = [item[key] for item in one.get(name, [])]
        if len(keys) != len(set(keys)):
            yield f"twice in {name}: {keys}"
    volumes = [volume["name"] for volume in pod.get("volumes", [])]
    if sorted(volumes) != sorted(mount["name"] for mount in one.get("volumeMounts", [])):
        yield f"volumes {volumes}"
    labels = template["metadata"]["labels"]
    if not each["spec"]["selector"]["matchLabels"].items() <= labels.items():
        yield "its selector doesn't match its pods"
    for name, value in environment(each).items():
        if not isinstance(value, (str, dict)):
            yield f"{name} is no text: {value!r}"


def _dead_ends(each: Object, objects: list[Object]) -> Iterator[str]:
    """What points to another object of the release has to find it."""
    templates = [
        (workload["metadata"]["namespace"], workload["spec"]["template"])
        for workload in objects
        if workload["kind"] in ("Deployment", "DaemonSet")
    ]
    namespace = each["metadata"].get("namespace")
    spec = each.get("spec", {})
    if each["kind"] == "Service":
        wanted = spec["selector"]
    elif each["kind"] in ("PodDisruptionBudget", "PodMonitor"):
        wanted = spec["selector"]["matchLabels"]
    elif each["kind"] == "NetworkPolicy":
        wanted = spec["podSelector"]["matchLabels"]
    elif each["kind"] == "ServiceMonitor":
        wanted = None
        service = the(objects, "Service")
        if not spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items():
            yield "selects no Service"
        if spec["endpoints"][0]["port"] != service["spec"]["ports"][0]["name"]:
            yield "names no port"
    else:
        wanted = None
    if wanted is not None:
        found = [
            template
            for where, template in templates
            if where == namespace and wanted.items() <= template["metadata"]["labels"].items()
        ]
        if len(found) != 1:
            yield f"selects the pods of {len(found)} workloads"
        if each["kind"] == "Service" and found:
            ports = [port["name"] for port in found[0]["spec"]["containers"][0]["ports"]]
            if [port["targetPort"] for port in spec["ports"]] != ports:
                yield f"leads to none of the ports {ports}"
    if each["kind"] == "ClusterRoleBinding":
        the(objects, "ClusterRole", each["roleRef"]["name"])
    if each["kind"] in ("Ingress", "HTTPRoute"):
        name = the(objects, "Service")["metadata"]["name"]
        if f"'name': '{name}'" not in str(spec):
            yield f"doesn't lead to the Service {name}"
