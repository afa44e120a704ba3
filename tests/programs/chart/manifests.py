"""manifests/, made from the chart: what each folder has of it, and what an overlay changes of the base."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.chart.files import CHART
from tests.programs.chart.helm import Helm, Object, container, parse, the

MANIFESTS = CHART.parents[1] / "manifests"

VALUES = {
    "operator-only": {"telemetry.source": "none"},
    "with-agent": {"agent.namespace": "lens-agent", "agent.token.existingSecret": "lens-agent-token"},
    "with-dcgm-exporter": {
        "telemetry.source": "dcgm",
        "telemetry.exporter.namespace": "gpu-operator",
        "telemetry.exporter.selector": "app=nvidia-dcgm-exporter",
        "telemetry.exporter.daemonset": "nvidia-dcgm-exporter",
    },
}
"""The values that an overlay stands for, beside the cluster's name."""

CLUSTER = "prod-cluster"

_BASE = "operator-only"
_HELM_ONLY = ("helm.sh/chart: ", "app.kubernetes.io/managed-by: ", "# Source: ")


def files(helm: Helm) -> dict[Path, str]:
    """Return the text of all files that are made, by their path."""
    base = dict(_documents(_render(helm, _BASE)))
    made = {
        MANIFESTS / ("access" if _is_access(template) else "base") / Path(template).name: text
        for template, text in base.items()
    }
    for overlay in VALUES:
        rendered = dict(_documents(_render(helm, overlay)))
        folder = MANIFESTS / "overlays" / overlay
        for template in rendered.keys() - base.keys():
            made[folder / Path(template).name] = rendered[template]
        if overlay != _BASE:
            deployment = "operator/deployment.yaml"
            made[folder / "operator.yaml"] = _patch(base[deployment], rendered[deployment])
    return made


def objects(helm: Helm, overlay: str) -> list[Object]:
    """Return the chart's objects for an overlay, without what only Helm has a use for."""
    return [each for _, text in _documents(_render(helm, overlay)) for each in parse(text)]


def _is_access(template: str) -> bool:
    return template.startswith("access/") or template == "operator/serviceaccount.yaml"


def _render(helm: Helm, overlay: str) -> str:
    return helm.template(
        sets={"cluster": CLUSTER, "image.repository": "lens", **VALUES[overlay]}, more=["--skip-tests"]
    )


def _documents(rendered: str) -> Iterator[tuple[str, str]]:
    """Go through the templates that made something: the path of each, and its text."""
    found: dict[str, list[str]] = {}
    for document in rendered.split("\n---\n"):
        _, _, source = document.partition(f"# Source: {CHART.name}/templates/")
        lines = [
            line.rstrip()
            for line in document.removeprefix("---\n").splitlines()
            if line.strip() and not line.strip().startswith(_HELM_ONLY)
        ]
        found.setdefault(source.splitlines()[0], []).append("\n".join(lines) + "\n")
    for template, texts in found.items():
        yield template, "---\n".join(texts)


def _patch(base: str, wanted: str) -> str:
    """Return the strategic merge patch that adds to the one Deployment what the other has more."""
    before, after = (the(list(parse(text)), "Deployment") for text in (base, wanted))
    more = _more(container(before), container(after), "env", "volumeMounts")
    pod: dict[str, Any] = {"containers": [{"name": container(after)["name"], **more}]}
    pod |= _more(before["spec"]["template"]["spec"], after["spec"]["template"]["spec"], "volumes")
    metadata = {key: after["metadata"][key] for key in ("name", "namespace")}
    head = {"apiVersion": after["apiVersion"], "kind": after["kind"], "metadata": metadata}
    return yaml.safe_dump({**head, "spec": {"template": {"spec": pod}}}, sort_keys=False)


def _more(before: Object, after: Object, *lists: str) -> Object:
    """Return the lists of the one object with what the other has not; those without any are left out."""
    found = {
        name: [item for item in after[name] if item not in before.get(name, [])]
        for name in lists
        if name in after
    }
    return {name: items for name, items in found.items() if items}
