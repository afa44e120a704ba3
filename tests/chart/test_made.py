"""What is made from the chart is up to date, and the chart's version is Lens'."""

import yaml

import lens
from tests.chart import manifests, readme
from tests.chart.helm import CHART, Helm

RENEWED = "python -m tests.chart renews it"


def test_the_readme_has_the_values_as_they_are_now() -> None:
    assert readme.README.read_text() == readme.readme(), RENEWED


def test_every_value_is_explained() -> None:
    assert [value.path for value in readme.values() if not value.comment] == []


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


def test_chart_and_package_are_of_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (lens.__version__, lens.__version__)
