"""The responses that `kubectl lens` gets from a Lens, or from another server at its address."""

import contextlib
import socket
import unicodedata
from typing import Any

from lens_client.api import schema
from lens_client.api.client import Bearer, Lens
from lens_client.exits import CommandError
from lens_client.output import text
from lens_client.transport.deadline import Deadline
from lens_client.transport.http import HttpClient
from tests.fuzz.target import target

AT_ONCE = 2**16
"""Bytes that a socket takes before anybody reads."""

KINDS: tuple[Any, ...] = (
    schema.Status,
    schema.Nodes,
    schema.NodeDetail,
    schema.RunningTasks,
    schema.PendingTasks,
    schema.Fit,
    schema.Access,
)
_SECONDS = 5.0


def _told(answer: bytes) -> Lens:
    """Return the client of a Lens that sends these bytes, and no more."""

    def dial(_: Deadline) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.sendall(answer)
        return ours

    return Lens(HttpClient("lens", dial), "lens", Bearer("token"), _SECONDS, "prod-cluster")


def _answer(data: bytes, content_type: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (content_type, len(data)) + data


@target("client-http", longest=AT_ONCE)
def client_http(data: bytes) -> None:
    """Read a response, whatever it is."""
    lens = _told(data)
    with contextlib.suppress(CommandError), contextlib.closing(lens):
        lens.get("/api/v1/access", schema.Access)


@target("client-answer", longest=AT_ONCE)
def client_answer(data: bytes) -> None:
    """Hold the JSON of a response against each type that it may have."""
    answer = _answer(data)
    for kind in KINDS:
        lens = _told(answer)
        with contextlib.suppress(CommandError), contextlib.closing(lens):
            lens.get("/api/v1/realtime/status", kind)


@target("client-events", longest=AT_ONCE)
def client_events(data: bytes) -> None:
    """Read a stream of server-sent events."""
    lens = _told(_answer(data, b"text/event-stream"))
    with contextlib.suppress(CommandError), contextlib.closing(lens), lens.events() as events:
        for event in events:
            assert event.type in ("snapshot", "change", "heartbeat")


@target("client-text", longest=2**18)
def client_text(data: bytes) -> None:
    """Make a text harmless for a terminal, and give it a width."""
    given = data.decode(errors="surrogateescape")
    for shown in (text.one_line(given), text.one_line(given, ascii_only=True), text.harmless(given)):
        assert not any(
            unicodedata.category(each) in ("Cc", "Cf", "Cs") for each in shown if each not in "\n\t"
        )
        text.width(shown)
    line = text.one_line(given)
    assert "\n" not in line
    assert text.width(text.shorten(line, 20)) <= 20
    assert text.width(text.shorten(line, 20, middle=True)) <= 20
