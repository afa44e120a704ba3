"""Programs that some tests need: without one they are skipped, and say how to have it; CI skips none."""

import os
import shutil
from pathlib import Path

import pytest

HAD_BY = {
    "cc": "a C compiler: Debian's gcc",
    "curl": "Debian's curl",
    "jq": "Debian's jq",
    "kubectl": "https://kubernetes.io/docs/tasks/tools/",
    "openssl": "Debian's openssl",
}


def program(name: str) -> Path:
    """Return where a program on PATH is.

    Skip the calling test, fixture or module without it; fail instead where CI is set, so that nothing
    stays untested there.
    """
    found = shutil.which(name)
    if found is not None:
        return Path(found)
    missing = f"{name} is not on PATH ({HAD_BY.get(name, f'install {name}')})"
    if os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing, allow_module_level=True)
