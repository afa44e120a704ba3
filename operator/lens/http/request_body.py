"""The body of a request: whether its client waits for 100 (Continue), and how it is read."""

from aiohttp import HttpVersion11, web

from lens.bounds import MAX_BODY_BYTES

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class MalformedBodyError(Exception):
    """The chunked framing of a body is invalid."""


class BodyTooLargeError(Exception):
    """A body is over MAX_BODY_BYTES."""


def expects_continue(request: web.BaseRequest) -> bool:
    """Return whether a client sends the body only after 100 (Continue) (RFC 9110, 10.1.1)."""
    expected = request.headers.get("Expect", "").strip().lower()
    return request.body_exists and expected == "100-continue" and request.version >= HttpVersion11


async def read(request: web.BaseRequest) -> bytes:
    """Return the body; send 100 (Continue) before if the client waits for that.

    Raise MalformedBodyError and BodyTooLargeError.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise BodyTooLargeError
    if expects_continue(request):
        writer = request.writer
        await writer.write(CONTINUE)
        # The response has not begun yet.
        writer.output_size = 0
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            # What the client still sends is read and dropped: a reset could overtake the response.
            raise BodyTooLargeError
    problem: Exception | None = getattr(request.protocol, "body_problem", None)
    if problem is not None:
        raise problem
    return bytes(body)
