"""The chart's own files are up to date, and its version is Lens'."""

import yaml

import lens
from tests.chart import readme, settings
from tests.chart.files import CHART

RENEWED = "python -m tests.chart renews it"


def test_the_readme_has_the_values_as_they_are_now() -> None:
    assert readme.README.read_text() == readme.readme(), RENEWED


def test_every_value_is_explained() -> None:
    assert [value.path for value in readme.values() if not value.comment] == []


def test_chart_and_package_are_of_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (lens.__version__, lens.__version__)


def test_the_schema_knows_the_settings_as_they_are_now() -> None:
    assert settings.SCHEMA.read_text() == settings.schema(), RENEWED
