"""Both versions of Helm."""

import pytest

from tests.programs.chart import helm
from tests.programs.chart.helm import Helm


@pytest.fixture(params=["helm", "helm3"])
def either(request: pytest.FixtureRequest) -> Helm:
    """Return Helm 4, and then Helm 3."""
    return helm.found(request.param)


@pytest.fixture
def helm4() -> Helm:
    """Return Helm 4."""
    return helm.found()


@pytest.fixture
def helms() -> dict[str, Helm]:
    """Return both by the names of their programs."""
    return {name: helm.found(name) for name in ("helm", "helm3")}
