"""What the chart makes of the files, and whether its monitors give the labels that the rules expect."""

import json
from typing import Any

import pytest
import yaml

from tests.monitoring.files import RULES, dashboard, monitors
from tests.programs.chart import helm
from tests.programs.chart.helm import Object, the

CLUSTER = "prod-cluster"


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    """Return what is installed under a name of its own with all of it on."""
    switches = ("serviceMonitor", "podMonitor", "prometheusRule", "dashboard")
    sets = {"cluster": CLUSTER, **{f"{each}.enabled": "true" for each in switches}}
    return helm.found().objects(sets=sets, release="another")


def relabelled(endpoint: dict[str, Any]) -> dict[str, Any]:
    """Return where an endpoint's labels come from: a value, or the labels of what was discovered."""
    return {
        rule["targetLabel"]: rule.get("replacement") or rule["sourceLabels"]
        for rule in endpoint["relabelings"]
    }


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_what_is_scraped_gets_the_labels_of_the_guide_whatever_the_release_is_called(
    objects: list[Object], kind: str
) -> None:
    spec = the(objects, kind)["spec"]
    (endpoint,) = spec.get("endpoints") or spec["podMetricsEndpoints"]
    guided = monitors()[kind]
    assert relabelled(endpoint) == relabelled(guided)
    assert endpoint["port"] == guided["port"]
    assert endpoint["honorLabels"] is True


def test_the_rules_are_those_that_promtool_has_checked(objects: list[Object]) -> None:
    assert the(objects, "PrometheusRule")["spec"] == yaml.safe_load(RULES.read_text())


def test_the_dashboard_is_there_for_grafanas_sidecar(objects: list[Object]) -> None:
    (found,) = (each for each in objects if each["metadata"].get("labels", {}).get("grafana_dashboard"))
    (text,) = found["data"].values()
    assert json.loads(text) == dashboard()
