"""Pods start with what the chart tells them, as Lens itself reads it, and all that can be set is in reach."""

import json
from pathlib import Path

import pytest

from lens.agent import settings as agent_settings
from lens.agent.settings import AgentSettings
from lens.config.reading import AGENT_PREFIX, PREFIX
from lens.config.serve import ServeSettings, load
from tests.chart.files import CHART, CI, PRESETS
from tests.chart.settings import OF_THE_CHART, OUTSIDE, SCHEMA, camel_case
from tests.programs.chart.helm import Helm, Object, container, environment, the

DEFAULT = CHART / "ci" / "default.yaml"
IN_A_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}


def variables(workload: Object, **fields: str) -> dict[str, str]:
    """Return a container's environment; ``fields`` are what the kubelet fills in, by their path."""
    env = environment(workload)
    return IN_A_POD | {
        name: value if isinstance(value, str) else fields[value["fieldRef"]["fieldPath"].replace(".", "_")]
        for name, value in env.items()
    }


def served(objects: list[Object]) -> ServeSettings:
    """Return the operator's settings, as it would read them."""
    return load({}, variables(the(objects, "Deployment")))


def sampled(objects: list[Object]) -> AgentSettings:
    """Return the agent's settings, as it would read them."""
    return agent_settings.load({}, variables(the(objects, "DaemonSet"), spec_nodeName="gpu-node-1"))


@pytest.mark.parametrize("values", [*CI, *PRESETS], ids=lambda file: file.stem)
def test_operator_and_agent_accept_all_settings_of_the_chart(helm4: Helm, values: Path) -> None:
    objects = helm4.objects(DEFAULT, values)
    operator = served(objects)
    assert operator.auth in ("kubernetes", "static")
    if operator.telemetry == "agent":
        assert sampled(objects).node == "gpu-node-1"
    else:
        assert not [
            each for each in objects if each["metadata"]["labels"]["app.kubernetes.io/component"] == "agent"
        ]


def test_settings_arrive_as_they_were_meant(helm4: Helm) -> None:
    objects = helm4.objects(CHART / "ci" / "everything.yaml")
    operator, agent = served(objects), sampled(objects)
    assert operator.cache_seconds == 0
    assert operator.requests_per_minute == 1_000_000
    assert operator.gpu_resources == ("nvidia.com/gpu", "nvidia.com/mig-*")
    assert operator.token_audiences == ("lens", "https://kubernetes.default.svc")
    assert operator.alert_idle_percent == 0.5
    assert operator.metrics_open
    assert operator.listen == "[::]:8080"
    assert container(the(objects, "Deployment"))["args"] == ["serve", "--events-kept", "5000"]
    assert (agent.interval_seconds, agent.dcgm_names, agent.listen) == (2.5, True, "[::]:19479")


@pytest.mark.parametrize(("command", "settings"), [("serve", ServeSettings), ("agent", AgentSettings)])
def test_every_setting_is_a_value_or_comes_of_one(
    helm4: Helm, command: str, settings: type[ServeSettings] | type[AgentSettings]
) -> None:
    known = json.loads(SCHEMA.read_text())["definitions"][f"{command}Settings"]["properties"]
    prefix, kind = (PREFIX, "Deployment") if command == "serve" else (AGENT_PREFIX, "DaemonSet")
    made = set[str]()
    for values in CI:
        for each in helm4.objects(values):
            if each["kind"] == kind:
                made |= environment(each).keys()
    missing = {
        name
        for name in settings.model_fields.keys() - OUTSIDE
        if f"{prefix}{name.upper()}" not in made and camel_case(name) not in known
    }
    assert missing == set()
    assert {f"{prefix}{name.upper()}" for name in OF_THE_CHART[command]} <= made
