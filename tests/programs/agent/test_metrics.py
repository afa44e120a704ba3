"""What Prometheus scrapes from a node is what Prometheus reads."""

import subprocess

from tests.integration.agent.node import Node
from tests.integration.agent.test_metrics import everything
from tests.required import program


def test_prometheus_own_check_finds_nothing_wrong(node: Node) -> None:
    promtool = program("promtool")
    body = everything(node).ask("/metrics").body
    check = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")
