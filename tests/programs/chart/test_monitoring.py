"""What Prometheus Operator and Grafana are given."""

import json
from pathlib import Path

import pytest

from tests.chart.files import CHART
from tests.programs.chart.helm import Helm, HelmError, the

CI = CHART / "ci"


def test_monitors_keep_lens_labels_and_the_names_that_the_rules_use(
    helm4: Helm,
) -> None:
    objects = helm4.objects(CI / "monitoring.yaml", release="anything")
    (operator,) = the(objects, "ServiceMonitor")["spec"]["endpoints"]
    (agent,) = the(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    for endpoint, job in (operator, "lens"), (agent, "lens-agent"):
        assert endpoint["honorLabels"]
        assert {"targetLabel": "job", "replacement": job} in endpoint["relabelings"]
        assert {"targetLabel": "cluster", "replacement": "prod-cluster"} in endpoint["relabelings"]


def test_prometheus_shows_a_token_to_both(helm4: Helm) -> None:
    objects = helm4.objects(CI / "monitoring.yaml")
    (operator,) = the(objects, "ServiceMonitor")["spec"]["endpoints"]
    assert operator["bearerTokenFile"] == "/var/run/secrets/kubernetes.io/serviceaccount/token"
    monitor = the(objects, "PodMonitor")
    (agent,) = monitor["spec"]["podMetricsEndpoints"]
    secret = the(objects, "Secret")
    assert agent["authorization"]["credentials"] == {"name": secret["metadata"]["name"], "key": "token"}
    assert monitor["metadata"]["namespace"] == secret["metadata"]["namespace"]


def test_a_token_of_ones_own_or_open_metrics_need_no_account(helm4: Helm) -> None:
    secret = helm4.objects(CI / "monitoring.yaml", sets={"serviceMonitor.tokenSecret": "prometheus"})
    (endpoint,) = the(secret, "ServiceMonitor")["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "prometheus", "key": "token"}
    assert "bearerTokenFile" not in endpoint
    opened = helm4.objects(CI / "monitoring.yaml", sets={"operator.settings.metricsOpen": "true"})
    (endpoint,) = the(opened, "ServiceMonitor")["spec"]["endpoints"]
    assert {"authorization", "bearerTokenFile"}.isdisjoint(endpoint)


def test_agents_with_tls_are_scraped_over_it(helm4: Helm) -> None:
    objects = helm4.objects(CI / "everything.yaml")
    monitor = the(objects, "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert (endpoint["scheme"], endpoint["port"]) == ("https", "https")
    assert endpoint["tlsConfig"]["serverName"] == "lens-agent"
    assert endpoint["tlsConfig"]["ca"]["secret"] == {"name": "lens-agent-tls", "key": "ca.crt"}
    assert monitor["metadata"]["namespace"] == "lens-agent"


def test_the_rules_arrive_with_their_own_templates_untouched(helm4: Helm) -> None:
    groups = the(helm4.objects(CI / "monitoring.yaml"), "PrometheusRule")["spec"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules
    assert any("{{ $" in str(rule.get("annotations")) for rule in rules)


def test_alerts_link_to_the_guide_where_it_is_served_and_nowhere_else(helm4: Helm) -> None:
    guide = "https://git.example/lens/docs/monitoring.md"
    plain, linked = (
        the(helm4.objects(CI / "monitoring.yaml", sets=sets), "PrometheusRule")["spec"]
        for sets in ({}, {"prometheusRule.runbookUrl": guide})
    )
    alerts = [rule for group in linked["groups"] for rule in group["rules"] if "alert" in rule]
    assert len(alerts) > 30
    for rule in alerts:
        assert rule["annotations"].pop("runbook_url") == f"{guide}#{rule['alert'].lower()}"
    assert linked == plain
    assert "runbook" not in str(plain)


def test_a_relative_url_of_the_guide_is_refused(helm4: Helm) -> None:
    with pytest.raises(HelmError, match="runbookUrl"):
        helm4.objects(CI / "monitoring.yaml", sets={"prometheusRule.runbookUrl": "docs/monitoring.md"})


def test_the_dashboard_is_complete_in_a_configmap_for_grafanas_sidecar(helm4: Helm) -> None:
    config = the(helm4.objects(CI / "monitoring.yaml"), "ConfigMap")
    assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(config["data"]["lens.json"]) == json.loads(
        (CHART / "files" / "dashboard.json").read_text()
    )


def test_monitors_take_what_prometheus_operator_takes(helm4: Helm, tmp_path: Path) -> None:
    further = [{"targetLabel": "region", "replacement": "eu"}]
    dropped = [{"sourceLabels": ["__name__"], "regex": "lens_gpu_holder", "action": "drop"}]
    monitor = {
        "enabled": True,
        "namespace": "monitoring",
        "interval": "30s",
        "scrapeTimeout": "20s",
        "relabelings": further,
        "metricRelabelings": dropped,
    }
    file = tmp_path / "values.json"
    file.write_text(json.dumps({"serviceMonitor": monitor, "podMonitor": monitor}))
    objects = helm4.objects(file, namespace="gpus")
    for kind, endpoints in ("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints"):
        made = the(objects, kind)
        (endpoint,) = made["spec"][endpoints]
        assert made["metadata"]["namespace"] == "monitoring"
        assert made["spec"]["namespaceSelector"] == {"matchNames": ["gpus"]}
        assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("30s", "20s")
        assert endpoint["relabelings"][-1:] == further
        assert endpoint["metricRelabelings"] == dropped
