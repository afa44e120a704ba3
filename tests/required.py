"""Programs that some tests need: without one they are skipped, and say how to have it; CI skips none."""

import os
import shutil
from pathlib import Path

import pytest

BUILT = Path(__file__).parents[1] / ".cluster" / "bin"
"""Where `make helm`, `krew`, `fit-oracle` and `cluster-up` put what they build; it goes before PATH."""

HAD_BY = {
    "cc": "a C compiler: Debian's gcc",
    "chromium": "Debian's chromium",
    "curl": "Debian's curl",
    "fit-oracle": "make fit-oracle",
    "helm": "make helm",
    "helm3": "make helm",
    "jq": "Debian's jq",
    "krew": "make krew",
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    "openssl": "Debian's openssl",
    "prometheus": "Debian's prometheus",
    "promtool": "Debian's prometheus",
    "validate-krew-manifest": "make krew",
}


def program(name: str) -> Path:
    """Return where a program is: built here, or else on PATH.

    Skip the calling test, fixture or module without it; fail instead where CI is set, so that nothing
    stays untested there.
    """
    found = shutil.which(name, path=BUILT) or shutil.which(name)
    if found is not None:
        return Path(found)
    missing = f"{name} is not on PATH ({HAD_BY.get(name, f'install {name}')})"
    if os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing, allow_module_level=True)
