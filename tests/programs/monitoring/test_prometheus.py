"""The rules in a real Prometheus, on a cluster that lives."""

from tests.monitoring.files import alerts, records
from tests.programs.monitoring.conftest import CLUSTERS, NODES, Demo
from tests.programs.monitoring.prometheus import Prometheus, until

OF_THE_DEMO = {
    "LensGpusIdle",
    "LensDevicesUnhealthy",
    "LensNodeNotReady",
    "LensNodeCordoned",
    "LensAgentStale",
    "LensPodPending",
}
"""What happens in the demo by itself, as its introduction says."""

OF_A_KILLED_AGENT = {"LensAgentDown", "LensCoverageLow"}


def test_replicas_and_agents_are_found_and_scraped(prometheus: Prometheus) -> None:
    for cluster in CLUSTERS:
        of = f'cluster="{cluster}",job'
        prometheus.wait_for(f'sum(up{{{of}="lens"}})', "both replicas", 2)
        prometheus.wait_for(f'count(up{{{of}="lens-agent"}})', "an agent on each node", NODES)
        prometheus.wait_for(f'sum(up{{{of}="lens-agent"}}) >= {NODES - 1}', "all but the one that was killed")
    assert {labels["node"] for labels, _ in prometheus.query('up{job="lens-agent"}')} == {
        f"gpu-node-{number}" for number in range(1, NODES + 1)
    }


def test_each_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    def evaluated() -> dict[str, tuple[str, str]]:
        groups = prometheus.get("rules")["groups"]
        return {
            rule["name"]: (rule["health"], rule.get("lastError", ""))
            for group in groups
            for rule in group["rules"]
        }

    until(lambda: all(health != "unknown" for health, _ in evaluated().values()), "an evaluation of each")
    assert evaluated() == dict.fromkeys([*records(), *alerts()], ("ok", ""))


def test_each_figure_that_is_recorded_has_data(prometheus: Prometheus) -> None:
    for record in records():
        prometheus.wait_for(record, record)


def test_nothing_but_what_happens_in_the_demo_fires_or_is_about_to(prometheus: Prometheus) -> None:
    prometheus.wait_for("cluster:lens_gpus:sum", "evaluations")

    def unexpected() -> set[str]:
        return {each["labels"]["alertname"] for each in prometheus.alerts()} - OF_THE_DEMO - OF_A_KILLED_AGENT

    # Two targets are scraped one after the other, so for a moment they may disagree.
    until(lambda: unexpected() == set(), "nothing else", instead=unexpected)
    assert prometheus.firing() & OF_A_KILLED_AGENT == set()


def test_a_gpu_that_needs_a_reset_fires_an_alert_until_it_had_it(demo: Demo, prometheus: Prometheus) -> None:
    def fires(*, broken: bool) -> bool:
        demo.ask_for_a_reset("gpu-node-1", wanted=broken)
        return "LensGpuRecoveryAction" in prometheus.firing()

    # The node's agent may be one that the demo has stopped for up to a minute.
    until(lambda: fires(broken=True), "the alert", 150)
    (alert, *_) = (a for a in prometheus.alerts() if a["labels"]["alertname"] == "LensGpuRecoveryAction")
    assert alert["labels"] | {"cluster": "kept"} == {
        "alertname": "LensGpuRecoveryAction",
        "cluster": "kept",
        "severity": "critical",
    }
    assert alert["annotations"]["summary"] == "GPUs that need a recovery action: 1"
    until(lambda: not fires(broken=False), "its end", 150)
