"""What a peer answers, well or not, and what a hub makes of its failures."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from tests.contract.conftest import Api
from tests.integration.telemetry import server as peers
from tests.integration.telemetry.server import Behaviour, sends

CLIENT_TIMEOUT_S = 0.4
"""For how long a hub waits for what never comes. Else it waits longer, as on a busy machine it has to."""
STATUS = "/api/v1/realtime/status?cluster=west"
STREAM = "/api/v1/realtime/stream?cluster=west"
INNER = "secret of west: postgres://u:p@10.0.0.1"


Hub = Callable[..., AbstractAsyncContextManager[Api]]


PRODUCT = {
    "product": "H100",
    "reason": None,
    "allocated": 1,
    "available": 3,
    "unhealthy": 0,
    "unavailable": 0,
    "largest_block": 2,
}


def good(cluster: str = "west", **fields: object) -> bytes:
    """Return an answer of a Lens."""
    status = {
        "cluster": cluster,
        "current_gpu_usage": {
            "total_gpus": 8,
            "allocated_gpus": 4,
            "utilized_gpus": 4,
            "allocation_rate": 50.0,
            "utilization_rate": 90.0,
        },
        "running_tasks": 4,
        "available_resources": {"available_gpus": 4, "available_nodes": 1, "max_contiguous_gpu": 4},
        "freshness": {"age_seconds": 1.5},
        "telemetry": {"coverage": 0.5},
    }
    return wrapped({**status, **fields})


def wrapped(data: object, code: int = 2000, message: str = "OK") -> bytes:
    return json.dumps({"meta": {"code": code, "message": message}, "data": data}).encode()


async def until_counted(hub: Api, line: bytes) -> None:
    async with asyncio.timeout(30):
        while True:
            if line in (await hub.ask("/metrics")).body:
                return
            await asyncio.sleep(0.01)


def redirects(to: str) -> Behaviour:
    return sends(b"", "302 Found", Location=to)


BAD: dict[str, tuple[Behaviour, int]] = {
    "hangs": (peers.hang, 504),
    "drips": (peers.drip, 504),
    "drips its head": (peers.drip_the_head, 504),
    "puts off": (peers.put_off, 504),
    "hangs up": (peers.hang_up, 502),
    "sends a head without an end": (peers.flood_the_head, 502),
    "promises a gigabyte": (peers.promise_a_gigabyte, 502),
    "floods": (peers.flood, 502),
    "floods in chunks": (peers.flood_in_chunks, 502),
    "speaks otherwise": (peers.speak_otherwise, 502),
    "answers HTML": (sends(b"<html>it works</html>", Content_Type="text/html"), 502),
    "answers HTML that is not found": (sends(f"<p>{INNER}".encode(), "404 Not Found"), 502),
    "answers HTML as unavailable": (sends(b"<p>no backend", "503 Service Unavailable"), 502),
    "answers for another cluster": (sends(good("east")), 502),
    "answers for no cluster": (sends(wrapped({"total_gpus": 1})), 502),
    "answers a list": (sends(wrapped([{"cluster": "west"}])), 502),
    "answers nothing": (sends(b""), 502),
    "answers null": (sends(wrapped(None)), 502),
    "answers half": (sends(good()[:-9]), 502),
    "answers twice": (sends(good() + good()), 502),
    "answers what is not UTF-8": (sends(good(x="é").replace(b"\\u00e9", b"\xff")), 502),
    "answers NaN": (sends(good(x=float("nan"))), 502),
    "answers depths": (sends(b'{"meta":{"code":2000,"message":"OK"},"data":' + b"[" * 10**6), 502),
    "answers zipped": (sends(b"\x1f\x8b\x08\x00" + bytes(100), Content_Encoding="gzip"), 502),
    "answers an error as if all were well": (sends(wrapped(None, 5000, INNER)), 502),
    "fails": (sends(wrapped(None, 5000, INNER), "500 Internal Server Error"), 502),
    "fails on its own peer": (sends(wrapped(None, 5002, INNER), "502 Bad Gateway"), 502),
    "does not know our token": (sends(wrapped(None, 4001, INNER), "401 Unauthorized"), 502),
    "does not tell": (sends(wrapped(None, 4003, f"Forbidden: {INNER}"), "403 Forbidden"), 403),
    "does not understand": (
        sends(wrapped(None, 4000, f"Invalid parameter: {INNER}"), "400 Bad Request"),
        400,
    ),
    "does not find": (sends(wrapped(None, 4004, INNER), "404 Not Found"), 404),
    "mixes its codes up": (sends(wrapped(None, 4003, "Forbidden: x"), "404 Not Found"), 502),
    "is being flooded": (sends(wrapped(None, 4029, INNER), "429 Too Many Requests"), 503),
    "has no content": (sends(b"", "204 No Content"), 502),
}


CODES = {400: 4000, 403: 4003, 404: 4004, 502: 5002, 503: 5003, 504: 5004}
