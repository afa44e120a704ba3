"""The bare aiohttp peer: one handler that serialises a status answer on each request, and nothing else."""

import argparse
import asyncio
import json
from typing import Any

from aiohttp import web


def status(size: int) -> dict[str, Any]:
    """Return an answer like that of the realtime status, `size` bytes long as JSON, or its least length."""
    data: dict[str, Any] = {
        "cluster": "prod-cluster",
        "timestamp": "2025-12-19T15:30:00Z",
        "current_gpu_usage": {
            "total_gpus": 80,
            "allocated_gpus": 64,
            "utilized_gpus": 56,
            "allocation_rate": 80.0,
            "utilization_rate": 75.5,
        },
        "running_tasks": 32,
        "available_resources": {"available_gpus": 16, "available_nodes": 4, "max_contiguous_gpu": 8},
    }
    document = {"meta": {"code": 2000, "message": "OK"}, "data": data}
    node = {"name": "gpu-node-1", "total_gpus": 8, "allocated_gpus": 4, "available_gpus": 4}
    while size - len(json.dumps(document)) > len(json.dumps(node)) + len(', "nodes": []'):
        data.setdefault("nodes", []).append(node)
    data["cluster"] += "-" * (size - len(json.dumps(document)))
    return document


async def serve(size: int) -> None:
    """Serve on a port that the system picks, say which on stdout, and go on until ended."""
    document = status(size)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(document)

    app = web.Application()
    app.router.add_get("/status", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"event": "ready", "port": runner.addresses[0][1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--bytes", type=int, default=0, help="length of the body (default: the least)")
    asyncio.run(serve(parser.parse_args().bytes))
