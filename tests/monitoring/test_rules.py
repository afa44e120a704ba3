"""The alert rules: what they cover, and what stands behind them in the docs."""

import re
from typing import Any

import pytest
import yaml

from lens.model.alerts.catalogue import ALERT_TYPES
from tests.monitoring import made
from tests.monitoring.files import (
    CASES,
    GUIDE,
    ROOT,
    alerts,
    documented,
    monitors,
    names,
    objects,
    queries,
    records,
    rules,
    scrape_configs,
)

ADDED_BY_PROMETHEUS = {"up"}
TARGET_LABELS = {"cluster", "instance", "job", "node", "pod"}


def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(CASES.read_text())["tests"]
    return found


def fired(check: dict[str, Any]) -> set[str]:
    text = " ".join(sample["labels"] for sample in check["exp_samples"])
    return set(re.findall(r'alertname="(\w+)"', text))


def test_each_alert_has_a_case_in_which_it_keeps_quiet_fires_and_clears() -> None:
    tried: set[str] = set()
    for case in cases():
        checks = [check for check in case["promql_expr_test"] if check["expr"].startswith("ALERTS")]
        if len(checks) > 1:
            before, during, after = checks
            assert fired(before) == fired(after) == set(), case["name"]
            tried |= fired(during)
    assert tried == alerts().keys()


def test_each_figure_that_is_recorded_has_a_case() -> None:
    assert {check["expr"] for case in cases() for check in case["promql_expr_test"]} > records().keys()


def test_what_is_made_from_the_declarations_is_up_to_date() -> None:
    for file, text in made.files():
        assert file.read_text() == text, "make alerts renews it"


def test_each_alert_of_lens_is_an_alert_of_prometheus_with_its_severity() -> None:
    for kind in ALERT_TYPES:
        rule = alerts()[f"Lens{kind.type}"]
        assert f'lens_alerts{{type="{kind.type}"}}' in rule["expr"]
        severity = kind.severities[0] if len(kind.severities) == 1 else "{{ $labels.severity }}"
        assert rule["labels"] == {"severity": severity}


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_it_is_and_leaves_the_link_to_who_knows_the_address(name: str) -> None:
    rule = alerts()[name]
    assert rule["annotations"].keys() == {"summary", "description"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info", "{{ $labels.severity }}")


def test_the_guide_has_a_section_for_each_alert_and_for_no_other() -> None:
    assert re.findall(r"^### (\w+)$", GUIDE.read_text(), re.MULTILINE) == list(alerts())


def test_the_guides_anchors_lead_somewhere() -> None:
    text = GUIDE.read_text()
    anchors = {
        re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-")
        for each in re.findall(r"^#+ (.*)$", text, re.M)
    }
    assert [link for link in re.findall(r"\]\(#([^)]+)\)", text) if link not in anchors] == []


def test_the_guide_names_each_figure_that_is_recorded() -> None:
    assert [name for name in records() if f"`{name}`" not in GUIDE.read_text()] == []


def test_rules_and_dashboard_use_only_metrics_that_the_docs_promise() -> None:
    known = documented().keys() | records().keys() | ADDED_BY_PROMETHEUS
    used = [name for rule in rules() for name in names(rule["expr"])]
    used += [name for query in queries() for name in names(query.expr)]
    assert len(set(used)) > 30
    assert {re.sub(r"_bucket$", "", name) for name in used} - known == set()


def test_the_cases_have_only_labels_that_the_docs_promise() -> None:
    promised = documented()
    for case in cases():
        for series in case["input_series"]:
            name, _, labels = series["series"].partition("{")
            # With honorLabels a metric's own label stands where the target's of that name would.
            told = set(re.findall(r"(\w+)=", labels)) - (TARGET_LABELS - promised.get(name, set()))
            if promised.get(name):
                assert told == promised[name], series["series"]


def test_the_guides_monitors_and_its_plain_configuration_give_the_same_labels() -> None:
    service, pod = (monitors()[kind] for kind in ("ServiceMonitor", "PodMonitor"))
    lens, agents = scrape_configs()
    for monitor, plain in ((service, lens), (pod, agents)):
        given = {rule["targetLabel"]: rule.get("replacement") for rule in monitor["relabelings"]}
        set_ = {
            rule["target_label"]: rule.get("replacement")
            for rule in plain["relabel_configs"]
            if "target_label" in rule
        }
        assert given["job"] == plain["job_name"]
        assert given["cluster"] == set_["cluster"]
        assert given.keys() - {"job"} <= set_.keys()
    assert pod["honorLabels"] is agents["honor_labels"] is True


@pytest.mark.parametrize(
    ("kind", "file", "labels"),
    [
        ("ServiceMonitor", "base/service.yaml", ("metadata",)),
        ("PodMonitor", "overlays/with-agent/daemonset.yaml", ("spec", "template", "metadata")),
        ("NetworkPolicy", "overlays/with-agent/daemonset.yaml", ("spec", "template", "metadata")),
    ],
)
def test_the_guides_objects_are_about_what_the_manifests_have(
    kind: str, file: str, labels: tuple[str, ...]
) -> None:
    guides, found = objects()[kind], yaml.safe_load((ROOT / "manifests" / file).read_text())
    assert guides["metadata"]["namespace"] == found["metadata"]["namespace"]
    selector = guides["spec"].get("selector") or guides["spec"]["podSelector"]
    for name in labels:
        found = found[name]
    assert selector["matchLabels"].items() <= found["labels"].items()
