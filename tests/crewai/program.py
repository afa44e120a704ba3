"""What an agent's program does with crewai's adapter: `program.py URL TOKEN`."""

import json
import os
import sys
from typing import Any

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true"}

from crewai_tools import MCPServerAdapter  # type: ignore[import-not-found]


def adapter(url: str, token: str) -> Any:
    """Return an adapter that shows ``token``."""
    headers = {"Authorization": f"Bearer {token}"}
    return MCPServerAdapter({"url": url, "transport": "streamable-http", "headers": headers})


def main(url: str, token: str) -> None:
    """Call every tool with a right token, and one with a wrong one."""
    with adapter(url, token) as found:
        tools = {tool.name: tool for tool in found}
        (cluster,) = json.loads(tools.pop("list_clusters").run())["clusters"]
        nodes = json.loads(tools["list_nodes"].run(cluster=cluster["name"]))["nodes"]
        assert nodes, "a demo has nodes"
        for name, tool in tools.items():
            node = {"node": nodes[0]["node_name"]} if name == "get_node" else {}
            answer = tool.run(cluster=cluster["name"], **node)
            assert json.loads(answer)["cluster"] == cluster["name"], answer
            print("ok", name, len(answer), "characters")
    with adapter(url, "wrong") as found:
        refusal = next(tool for tool in found if tool.name == "list_clusters").run()
        assert "Unauthorized (HTTP 401)" in refusal, refusal
    print("ok", "a wrong token is refused")


if __name__ == "__main__":
    main(*sys.argv[1:])
