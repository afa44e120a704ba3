"""A server that answers as it is told, where `lens mcp` takes it for a Lens; and what it was asked."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from mcp_types import CallToolResult

Answer = Callable[[web.Request], web.Response]


class AskedLens:
    """Where it is, how it answers, and the requests that it had."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[web.Request] = []
        self.answer: Answer = lambda _: ok({"clusters": []})

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.requests.append(request)
        return self.answer(request)


def ok(data: Any) -> web.Response:
    """Return a good answer."""
    return web.json_response({"meta": {"code": 2000, "message": "OK"}, "data": data})


def refused(status: int, message: str, **headers: str) -> web.Response:
    """Return an error in its envelope; ``Retry_After="3"`` sends the header Retry-After."""
    return web.json_response(
        {"meta": {"code": status * 10, "message": message}, "data": None},
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def raw(body: str) -> web.Response:
    """Return anything at all."""
    return web.Response(text=body)


def task(number: int, text: str = "") -> dict[str, Any]:
    """Return a running task as Lens reports it."""
    return {
        "pod_uid": f"uid-{number}",
        "pod_name": f"train-{number}{text}",
        "namespace": "ml-team",
        "workload_type": "Job",
        "workload_name": "train",
        "workload_reason": None,
        "node_name": "gpu-node-1",
        "allocated_gpus": 1,
        "running_time_seconds": 60,
        "started_at": "2025-12-19T15:30:00Z",
        "owner": "Job/train",
        "resources": {"nvidia.com/gpu": 1},
        "phase": "Running",
        "terminating": False,
        "utilization": None,
        "memory_used_bytes": None,
        "gpu_uuids": None,
        "utilization_reason": "NO_TELEMETRY",
    }


def document(result: CallToolResult) -> Any:
    """Return the document that a tool has answered with."""
    assert not result.is_error, result
    return json.loads(_text(result))


def error(result: CallToolResult) -> str:
    """Return what a tool says that it can't."""
    assert result.is_error, result
    return _text(result)


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    assert content.type == "text"
    return content.text


@asynccontextmanager
async def asked_lens() -> AsyncIterator[AskedLens]:
    """Run one on a port of the system's choice."""
    lens = AskedLens()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", lens.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        lens.url = "http://{}:{}".format(*runner.addresses[0][:2])
        yield lens
    finally:
        await runner.cleanup()
