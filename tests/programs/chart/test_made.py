"""The manifests that are made from the chart are up to date."""

import yaml

from tests.programs.chart import manifests
from tests.programs.chart.helm import Helm

RENEWED = "python -m tests.chart renews it"


def test_the_manifests_are_those_of_the_chart(helms: dict[str, Helm]) -> None:
    for helm in helms.values():
        for path, text in manifests.files(helm).items():
            assert path.read_text() == text, f"{path}: {RENEWED}"


def test_no_manifest_is_left_over_or_unused(helm4: Helm) -> None:
    by_hand = {"kustomization.yaml", "namespace.yaml"}
    found = {path for path in manifests.MANIFESTS.rglob("*.yaml") if path.name not in by_hand}
    assert found == manifests.files(helm4).keys()
    for kustomization in manifests.MANIFESTS.rglob("kustomization.yaml"):
        content = yaml.safe_load(kustomization.read_text())
        used = {*content["resources"], *(patch["path"] for patch in content.get("patches", []))}
        beside = {path.name for path in kustomization.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert beside <= used
