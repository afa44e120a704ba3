"""What an apiserver, or something between it and us, can do wrong with one request."""

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from tests.integration.watch.front import Exchange, Fault
from tests.integration.watch.objects import Object

Change = Callable[[], None]


def answer(code: int, body: bytes = b"", content_type: str = "application/json", **headers: str) -> Fault:
    """Answer with that code and body; ``Retry_After`` names the header Retry-After."""
    lines = [
        f"HTTP/1.1 {code} {HTTPStatus(code).phrase}",
        f"Content-Type: {content_type}",
        *(f"{name.replace('_', '-')}: {text}" for name, text in headers.items()),
        "Connection: close",
    ]
    if code != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(body)}")
    return raw("\r\n".join((*lines, "", "")).encode() + body)


def status(code: int, details: object = None, **headers: str) -> Fault:
    """Answer with that code and a Status object, as an apiserver does."""
    body: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code}
    return answer(code, json.dumps(body | {"message": "no", "details": details}).encode(), **headers)


def html(code: int = 200) -> Fault:
    """Answer with a page, as a proxy does."""
    return answer(code, b"<html><body>Please log in.</body></html>", "text/html")


def raw(data: bytes) -> Fault:
    """Send these bytes, then close."""

    async def fault(exchange: Exchange) -> None:
        await exchange.send(data)

    return fault


async def reset(exchange: Exchange) -> None:
    """Break off without an answer."""
    exchange.reset()


async def hang(exchange: Exchange) -> None:
    """Never answer."""
    await exchange.hold()


async def silence(exchange: Exchange) -> None:
    """Answer 200 and say nothing more, for as long as a watch lasts here: no time."""
    await exchange.send(STREAM)


async def endless_silence(exchange: Exchange) -> None:
    """Answer 200 and say nothing more, nor end."""
    await exchange.send(STREAM)
    await exchange.hold()


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
"""The head of an answer in chunks."""

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
"""The head of an answer that lasts until its connection ends."""


async def end(exchange: Exchange) -> None:
    """Close the connection as one does after an answer."""


def stream(*lines: bytes, then: Fault = end) -> Fault:
    """Answer a watch with these lines, each in a write of its own; a line is taken as it is."""

    async def fault(exchange: Exchange) -> None:
        await exchange.send(STREAM)
        for line in lines:
            await exchange.send(line)
        await then(exchange)

    return fault


def event(type_: str, obj: Any) -> bytes:
    """Return a whole line of a watch."""
    return json.dumps({"type": type_, "object": obj}).encode() + b"\n"


def error(code: int | None) -> bytes:
    """Return the line with which a watch says that it can't go on."""
    code_field = {} if code is None else {"code": code}
    return event("ERROR", {"kind": "Status", "status": "Failure", "message": "no"} | code_field)


def torn(share: float, then: Fault = reset) -> Fault:
    """Send a part of what the apiserver answers, then break off."""

    async def fault(exchange: Exchange) -> None:
        head, body = await exchange.answer_of_upstream()
        await exchange.send(head + body[: int(len(body) * share)])
        await then(exchange)

    return fault


def dripping(pieces: int) -> Fault:
    """Send the apiserver's answer whole, but in that many pieces and in no hurry."""

    async def fault(exchange: Exchange) -> None:
        head, body = await exchange.answer_of_upstream()
        await exchange.send(head)
        size = len(body) // pieces + 1
        for start in range(0, len(body), size):
            await exchange.send(body[start : start + size])
            await asyncio.sleep(0.01)

    return fault


def rewritten(change: Callable[[Object], Any]) -> Fault:
    """Send the list that the apiserver answers, changed."""

    async def fault(exchange: Exchange) -> None:
        _, body = await exchange.answer_of_upstream()
        page = json.loads(body)
        change(page)
        await answer(200, json.dumps(page).encode())(exchange)

    return fault


def after(change: Change, fault: Fault = Exchange.forward) -> Fault:
    """Let something happen in the cluster at that very moment."""

    async def changed(exchange: Exchange) -> None:
        change()
        await fault(exchange)

    return changed
