"""What each ServiceAccount may do, as the apiserver says, is what the repository says, and nothing more."""

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from tests.chart.files import CHART
from tests.e2e.cluster.given import Cluster

WITH_AGENT = CHART.parents[1] / "manifests" / "overlays" / "with-agent"
RIGHTS = Path(__file__).parent / "rights"

CLIENT_TIMEOUT_S = 30.0
"""The controller that gathers the owners' rules has that long."""


def listed(kubectl: list[str], account: str) -> list[str]:
    """Return what an account may do, a line for each rule, as kubectl lists it, in order and each once."""
    command = [*kubectl, "auth", "can-i", "--list", "--no-headers", f"--as=system:serviceaccount:{account}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted({re.sub(r"\s+", " ", line).strip() for line in lines})


@pytest.mark.usefixtures("service_account")
@pytest.mark.parametrize(("part", "account"), [("operator", "lens:lens"), ("agent", "lens-agent:lens-agent")])
async def test_an_account_may_do_what_is_written_down_and_nothing_else(
    cluster: Cluster, part: str, account: str
) -> None:
    program = str(cluster.control_plane.programs / "kubectl") if cluster.control_plane else "kubectl"
    kubectl = [program, "--kubeconfig", str(cluster.kubeconfig)]
    for file in ("namespace.yaml", "serviceaccount.yaml", "exporters.yaml"):
        command = [*kubectl, "apply", "-f", str(WITH_AGENT / file)]
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    written = (RIGHTS / f"{part}.txt").read_text().splitlines()
    deadline = asyncio.get_running_loop().time() + CLIENT_TIMEOUT_S
    while (found := await asyncio.to_thread(listed, kubectl, account)) != written:
        assert asyncio.get_running_loop().time() < deadline, set(found) ^ set(written)
        await asyncio.sleep(0.5)
