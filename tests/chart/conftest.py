"""Both versions of Helm."""

import pytest

from tests.chart import helm
from tests.chart.helm import Helm


@pytest.fixture(scope="session")
def helms() -> dict[str, Helm]:
    return helm.build()


@pytest.fixture(params=["helm", "helm3"])
def either(request: pytest.FixtureRequest, helms: dict[str, Helm]) -> Helm:
    """Return Helm 4, and then Helm 3."""
    return helms[request.param]


@pytest.fixture
def helm4(helms: dict[str, Helm]) -> Helm:
    """Return Helm 4."""
    return helms["helm"]
