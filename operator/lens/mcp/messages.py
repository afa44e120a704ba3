"""Answers bodies that aren't a single message of JSON-RPC 2.0.

Since its revision 2025-06-18 MCP has no batches: the body of a POST, or a line of stdin, is one message. The
SDK answers a batch with the text of its own validation, and on stdin not at all: its sender would wait for
ever.
"""

from typing import Any

import pydantic
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INVALID = ErrorData(
    code=INVALID_REQUEST, message="Not a message of JSON-RPC 2.0; of a batch, send each by itself"
)
_UNPARSABLE = ErrorData(code=PARSE_ERROR, message="Not JSON")


async def pass_messages(incoming: Any, messages: Any, outgoing: Any) -> None:
    """Pass on the messages of the SDK's stream until it ends, and answer everything else."""
    async with messages:
        async for item in incoming:
            if isinstance(item, Exception):
                await outgoing.send(SessionMessage(_error(_INVALID if _is_json(item) else _UNPARSABLE)))
            else:
                await messages.send(item)


def refuse_batches(application: ASGIApp) -> ASGIApp:
    """Answer POSTs whose body is a batch. ``Asgi`` passes a body as one event."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        received = [await receive()]
        if bytes(received[0].get("body", b"")).lstrip()[:1] == b"[":
            body = _error(_INVALID).model_dump_json(exclude_unset=True)
            await Response(body, 400, media_type="application/json")(scope, receive, send)
            return

        async def receive_again() -> Message:
            return received.pop() if received else await receive()

        await application(scope, receive_again, send)

    return answer


def _error(error: ErrorData) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=None, error=error)


def _is_json(problem: Exception) -> bool:
    """Return whether a body that the SDK refused was JSON."""
    return isinstance(problem, pydantic.ValidationError) and all(
        each["type"] != "json_invalid" for each in problem.errors(include_url=False, include_input=False)
    )
