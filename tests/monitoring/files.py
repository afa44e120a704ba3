"""What the chart brings for Prometheus and Grafana, and the metrics that the docs promise."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "charts/lens/files/rules.yaml"
DASHBOARD = ROOT / "charts/lens/files/dashboard.json"
CASES = Path(__file__).with_name("rules.test.yaml")
GUIDE = ROOT / "docs/monitoring.md"

DURATION = "15s"
"""What stands for Grafana's `$__rate_interval` where a scrape comes each second."""


class Query(NamedTuple):
    """One of a panel's queries, with the dashboard's variables in it."""

    name: str
    expr: str

    def of(self, cluster: str, namespace: str = ".*", node: str = ".*") -> str:
        """Return it with these chosen, as Grafana would send it."""
        chosen = {"cluster": cluster, "namespace": namespace, "node": node, "__rate_interval": DURATION}
        expr = re.sub(r"\$(\w+)", lambda match: chosen[match[1]], self.expr)
        assert "$" not in expr
        return expr


def rules() -> list[dict[str, Any]]:
    """Return all rules, recording and alerting."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerting rules by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def records() -> dict[str, str]:
    """Return what is recorded, by name."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    document: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return document


def queries() -> list[Query]:
    """Return the queries of all panels."""
    return [
        Query(f"{panel['title']} {target['refId']}", target["expr"])
        for panel in dashboard()["panels"]
        for target in panel.get("targets", ())
    ]


def names(expr: str) -> Iterator[str]:
    """Go through the metrics that a query names."""
    # Without what stands in quotes, in braces, and behind by, on and the like.
    bare = re.sub(r"\b(by|on|group_left|without|ignoring)\s*\([^)]*\)", " ", re.sub(r'"[^"]*"', "", expr))
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]", " ", bare)
    for match in re.finditer(r"[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])", bare):
        if match[0] not in ("and", "or", "unless", "by", "on", "group_left"):
            yield match[0]


def documented() -> dict[str, set[str]]:
    """Return the metrics that docs/ name, each with the labels that stand in braces behind it."""
    text = (ROOT / "docs/realtime.md").read_text() + (ROOT / "docs/agent.md").read_text()
    found = re.findall(r"`((?:lens|process)_\w+)(?:\{([\w,]+)\})?`", text)
    return {name: set(filter(None, labels.split(","))) for name, labels in found}


def scrape_configs() -> list[dict[str, Any]]:
    """Return the guide's configuration of a Prometheus in the cluster: of Lens, then of its agents."""
    blocks = [
        yaml.safe_load(block)
        for block in re.findall(r"```yaml\n(scrape_configs:.*?)```", GUIDE.read_text(), re.S)
    ]
    (found,) = (block["scrape_configs"] for block in blocks if "rule_files" in block)
    configs: list[dict[str, Any]] = found
    return configs


def objects() -> dict[str, dict[str, Any]]:
    """Return the guide's Kubernetes objects, by kind."""
    blocks = re.findall(r"```yaml\n(apiVersion: .*?)```", GUIDE.read_text(), re.S)
    return {each["kind"]: each for block in blocks for each in yaml.safe_load_all(block)}


def monitors() -> dict[str, dict[str, Any]]:
    """Return the endpoint of the guide's ServiceMonitor and of its PodMonitor, by kind."""
    return {
        kind: (each["spec"].get("endpoints") or each["spec"]["podMetricsEndpoints"])[0]
        for kind, each in objects().items()
        if kind.endswith("Monitor")
    }
