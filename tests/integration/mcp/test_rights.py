"""A caller gets from the tools what its token may see, and no more."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lens.api.server import Server
from lens.config.serve import ServeSettings
from lens.metrics import Metrics
from tests.contract.kubernetes import Cluster
from tests.integration.mcp.conftest import address, over_http
from tests.integration.mcp.lens import document, error
from tests.integration.operator import Command, environment

NOW = 1766158200.0
TEAM_A = "of-team-a"


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """Return the address of a Lens with a token for one namespace alone."""
    tokens = tmp_path / "tokens.yaml"
    sha256 = hashlib.sha256(TEAM_A.encode()).hexdigest()
    tokens.write_text(f"tokens: [{{name: team-a, sha256: {sha256}, namespaces: [team-a]}}]\n")
    cluster = Cluster()
    cluster.publish(NOW)
    settings: dict[str, Any] = {"cluster": "prod-cluster", "listen": "127.0.0.1:0", "tokens_file": tokens}
    server = Server(ServeSettings(**settings), cluster.state, Metrics(), lambda: NOW)
    await server.start()
    yield server.url
    await server.stop()


async def test_a_namespaces_token_gets_its_lists_and_errors_that_name_the_missing_permission(
    url: str, tmp_path: Path
) -> None:
    args = ["mcp", "--url", url, "--mcp-listen", "127.0.0.1:0"]
    with Command(args, tmp_path / "output", environment(), forked=True) as server:
        async with over_http(address(server), Authorization=f"Bearer {TEAM_A}") as client:
            for tool in ("list_running_tasks", "list_pending_tasks"):
                own = {"cluster": "prod-cluster", "namespace": "team-a"}
                assert document(await client.call_tool(tool, own))["total_tasks"] == 0
                for others in ({"cluster": "prod-cluster"}, own | {"namespace": "team-b"}):
                    assert error(await client.call_tool(tool, others)).startswith("Forbidden: ")
            for tool in ("get_status", "list_nodes", "list_alerts"):
                refusal = error(await client.call_tool(tool, {"cluster": "prod-cluster"}))
                assert refusal.startswith("Forbidden: ")
                assert refusal.endswith("(HTTP 403)")
