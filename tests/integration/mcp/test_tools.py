"""Over stdin and stdout, as an agent's program runs `lens mcp`."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aiohttp import web

from lens.mcp.tools import MAX_CHARACTERS
from tests.integration.mcp.conftest import TOKEN, over_stdio
from tests.integration.mcp.lens import Answer, AskedLens, document, error, ok, raw, refused, task
from tests.integration.operator import DEADLINE_S, environment, get

CLUSTER = {"cluster": "prod-cluster"}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


async def test_a_model_can_find_its_way_from_the_clusters_to_a_gpus_holder(
    demo_url: str, token_file: Path
) -> None:
    async with over_stdio("--url", demo_url, "--token-file", str(token_file)) as client:

        async def ask(tool: str, **arguments: Any) -> Any:
            return document(await client.call_tool(tool, arguments))

        (cluster,) = (await ask("list_clusters"))["clusters"]
        assert cluster["totals"]["total_gpus"] == 48
        name = cluster["name"]
        status = await ask("get_status", cluster=name)
        assert status["current_gpu_usage"]["total_gpus"] == 48
        nodes = (await ask("list_nodes", cluster=name))["nodes"]
        assert len(nodes) == 6
        assert nodes == sorted(nodes, key=lambda node: -node["available_gpus"])
        tasks = await ask("list_running_tasks", cluster=name, namespace="ml-team", sort="-allocated_gpus")
        first = tasks["tasks"][0]
        assert first["allocated_gpus"] == max(task["allocated_gpus"] for task in tasks["tasks"])
        detail = await ask("get_node", cluster=name, node=first["node_name"])
        assert first["pod_name"] in {
            holder["pod"] for gpu in detail["gpus"] for holder in gpu.get("holders", [])
        }
        waiting = await ask("list_pending_tasks", cluster=name)
        assert {"total_tasks", "tasks"} <= waiting.keys()
        one = waiting["tasks"][0]
        why = await ask("why", cluster=name, namespace=one["namespace"], pod=one["pod_name"])
        assert [task["pod_name"] for task in why["tasks"]] == [one["pod_name"]]
        assert why["tasks"][0]["fit"]["reason"]
        gone = await client.call_tool(
            "why", {"cluster": name, "namespace": first["namespace"], "pod": first["pod_name"]}
        )
        assert "doesn't wait for GPUs" in error(gone)
        assert {"total_alerts", "alerts"} <= (await ask("list_alerts", cluster=name)).keys()
        fit = await ask("fit", cluster=name, gpus=9)
        assert (fit["fits"], fit["pods"][0]["placed"]) in (("no", 0), ("unknown", 0))
        assert fit["pods"][0]["reasons"]


async def test_pages_go_on_where_the_last_one_ended(demo_url: str, token_file: Path) -> None:
    async with over_stdio("--url", demo_url, "--token-file", str(token_file)) as client:
        first = document(await client.call_tool("list_running_tasks", {**CLUSTER, "limit": 3}))
        assert len(first["tasks"]) == 3
        following = {**CLUSTER, "limit": 3, "continue": first["continue"]}
        second = document(await client.call_tool("list_running_tasks", following))
    names = [(task["namespace"], task["pod_name"]) for task in first["tasks"] + second["tasks"]]
    assert names == sorted(set(names))


async def test_every_tool_says_that_it_only_reads_and_explains_its_arguments(lens: AskedLens) -> None:
    async with over_stdio("--url", lens.url) as client:
        tools = (await client.list_tools()).tools
    assert {tool.name for tool in tools} == {
        "fit",
        "get_node",
        "get_status",
        "list_alerts",
        "list_clusters",
        "list_nodes",
        "list_pending_tasks",
        "list_running_tasks",
        "why",
    }
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.description
        assert tool.input_schema["additionalProperties"] is False
        assert all(argument["description"] for argument in tool.input_schema["properties"].values())


async def test_a_new_token_in_the_file_is_used(lens: AskedLens, token_file: Path) -> None:
    def token() -> str:
        return lens.requests[-1].headers["Authorization"]

    async with over_stdio("--url", lens.url, "--token-file", str(token_file)) as client:
        await client.call_tool("list_clusters")
        assert token() == f"Bearer {TOKEN}"
        await asyncio.to_thread(token_file.write_text, "rotated")
        async with asyncio.timeout(10):
            while token() != "Bearer rotated":
                await client.call_tool("list_clusters")


REFUSALS: tuple[tuple[Answer, str], ...] = (
    (lambda _: refused(401, "Unauthorized"), "Unauthorized (HTTP 401)"),
    (lambda _: refused(403, "Forbidden: get realtime.lens"), "Forbidden: get realtime.lens (HTTP 403)"),
    (lambda _: refused(429, "Too many", Retry_After="3"), "Too many (HTTP 429); ask again in 3 s"),
    (lambda _: refused(503, "Not synced", Retry_After="1"), "Not synced (HTTP 503); ask again in 1 s"),
    (lambda _: web.Response(status=302, headers={"Location": "/else"}), "of Lens' API (HTTP 302)"),
    (lambda _: web.Response(status=502, text="<html>"), "of Lens' API (HTTP 502)"),
    (lambda _: raw("[1]"), "isn't one of Lens' API: "),
    (lambda _: raw('{"data":' + "[" * 100_000), "isn't one of Lens' API: "),
    (lambda _: refused(403, "x" * 100_000), "x… (HTTP 403)"),
    (lambda _: refused(429, "Too many", Retry_After="9" * 1000), "Too many (HTTP 429)"),
    (lambda _: raw('{"data": {"clusters": [{"name": 1}]}}'), "`$.data.clusters[0].name`"),
    (lambda _: raw(" " * (17 * 2**20)), "more than 16777216 bytes"),
)


async def test_a_failed_request_is_a_tool_error_with_its_reason(lens: AskedLens) -> None:
    async with over_stdio("--url", lens.url) as client:
        for answer, message in REFUSALS:
            lens.answer = answer
            assert message in error(await client.call_tool("list_clusters"))
    assert len(lens.requests) == len(REFUSALS)


async def test_an_unreachable_lens_is_a_tool_error(lens: AskedLens) -> None:
    async with over_stdio("--url", "http://127.0.0.1:1") as client:
        result = await client.call_tool("list_clusters")
    assert error(result) == "Lens can't be reached: connection refused"


WRONG: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("get_status", {}, "cluster"),
    ("get_status", {**CLUSTER, "clutser": "x"}, "clutser"),
    ("get_node", {**CLUSTER, "node": "../clusters"}, "node"),
    ("get_node", {**CLUSTER, "node": "a/../../../healthz"}, "node"),
    ("get_node", {**CLUSTER, "node": "a%2f.."}, "node"),
    ("list_nodes", {**CLUSTER, "limit": 101}, "limit"),
    ("list_running_tasks", {**CLUSTER, "namespace": "a b"}, "namespace"),
    ("list_running_tasks", {**CLUSTER, "continue": "x" * 5000}, "continue"),
    ("list_alerts", {**CLUSTER, "severity": "fatal"}, "severity"),
    ("fit", {**CLUSTER, "gpus": -1}, "gpus"),
)


async def test_an_invalid_argument_is_named_without_a_request_to_lens(lens: AskedLens) -> None:
    async with over_stdio("--url", lens.url) as client:
        for tool, arguments, named in WRONG:
            message = error(await client.call_tool(tool, arguments))
            assert message.startswith(f"Invalid argument {named}: ")
    assert lens.requests == []


async def test_a_null_argument_counts_as_omitted(lens: AskedLens) -> None:
    left_out = {"limit": None, "state": None, "namespace": None, "continue": None}
    async with over_stdio("--url", lens.url) as client:
        for arguments in (CLUSTER, CLUSTER | left_out):
            await client.call_tool("list_running_tasks", arguments)
    assert [dict(request.query) for request in lens.requests] == [
        {"cluster": "prod-cluster", "limit": "20", "state": "running", "sort": "name"}
    ] * 2


async def test_an_argument_can_not_add_other_parameters(lens: AskedLens) -> None:
    name = "a&limit=9#ü\r\n\0 /../x?include=nodes"
    async with over_stdio("--url", lens.url) as client:
        await client.call_tool("get_status", {"cluster": name})
    (request,) = lens.requests
    assert request.path == "/api/v1/realtime/status"
    assert dict(request.query) == {"cluster": name}


async def test_a_long_answer_is_shortened_and_can_be_continued(lens: AskedLens) -> None:
    def answer(request: web.Request) -> web.Response:
        count = int(request.query["limit"])
        return ok(
            {
                "cluster": "prod-cluster",
                "timestamp": "2025-12-19T15:30:00Z",
                "total_tasks": 1000,
                "continue": f"after-{count}",
                "tasks": [task(number, text="x" * 900) for number in range(count)],
            }
        )

    lens.answer = answer
    async with over_stdio("--url", lens.url) as client:
        result = await client.call_tool("list_running_tasks", {**CLUSTER, "limit": 100})
    (content,) = result.content
    assert content.type == "text"
    assert MAX_CHARACTERS / 3 < len(content.text) <= MAX_CHARACTERS
    page = document(result)
    assert page["continue"] == f"after-{len(page['tasks'])}"
    assert page["total_tasks"] == 1000


async def test_alerts_and_nodes_are_counted_before_they_are_cut(lens: AskedLens, demo_url: str) -> None:
    _, status = get(f"{demo_url}/api/v1/realtime/status?cluster=prod-cluster", TOKEN)
    _, listed = get(f"{demo_url}/api/v1/realtime/nodes?cluster=prod-cluster&limit=2", TOKEN)
    alerts = [
        {
            "id": str(number),
            "severity": "critical" if number % 2 else "info",
            "type": "GpuLost",
            "source": "GPU/n/u",
            "message": "m" * 1000,
            "action": "Look.",
            "timestamp": "2025-12-19T15:30:00Z",
            "namespace": None,
        }
        for number in range(40)
    ]
    lens.answer = lambda request: ok(
        listed["data"] if request.path.endswith("/nodes") else {**status["data"], "alerts": alerts}
    )
    async with over_stdio("--url", lens.url) as client:
        nodes = document(await client.call_tool("list_nodes", {**CLUSTER, "limit": 2}))
        told_alerts = document(
            await client.call_tool("list_alerts", {**CLUSTER, "limit": 5, "severity": "critical"})
        )
    assert (nodes["total_nodes"], len(nodes["nodes"])) == (6, 2)
    assert (told_alerts["total_alerts"], len(told_alerts["alerts"])) == (20, 5)
    assert {len(alert["message"]) for alert in told_alerts["alerts"]} == {300}


async def test_a_line_that_is_no_message_is_answered_and_the_next_one_is_served() -> None:
    """A batch, which MCP hasn't had since 2025-06-18, may be the first that a client sends."""
    ping = {"jsonrpc": "2.0", "id": 7, "method": "ping"}
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lens", "mcp", "--url", "http://127.0.0.1:1"),
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    answers = []
    async with asyncio.timeout(DEADLINE_S):
        for line in (json.dumps([ping, ping]), "{", json.dumps(HELLO), "[]", json.dumps(ping)):
            server.stdin.write(f"{line}\n".encode())
            answers.append(json.loads(await server.stdout.readline()))
        server.stdin.close()
        assert await server.wait() == 0
    assert [answer["id"] for answer in answers] == [None, None, 1, None, 7]
    codes = [answer["error"]["code"] if "error" in answer else None for answer in answers]
    assert codes == [-32600, -32700, None, -32600, None]
