"""The envelope of every JSON response."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from lens.api.errors import ApiError, ClusterNotFoundError
from lens.api.schemas.envelope import Envelope, Meta

CONTENT_TYPE = "application/json"

_OK = Meta(code=2000, message="OK")
_encode = msgspec.json.Encoder().encode


def encode(data: object) -> bytes:
    """Return ``data`` in the envelope, as JSON."""
    return _encode(Envelope(meta=_OK, data=data))


def uncached(data: object) -> web.Response:
    """Return a response with ``data`` that must not be cached."""
    return _response(200, encode(data))


def error_response(error: ApiError) -> web.Response:
    """Return the response for an error."""
    meta = Meta(code=error.code, message=error.message)
    if isinstance(error, ClusterNotFoundError) and error.clusters:
        meta["clusters"] = list(error.clusters)
    return _response(error.status, _encode(Envelope(meta=meta, data=None)), error.headers)


def redirect(location: str) -> web.Response:
    """Return a temporary redirect (RFC 9110, 15.4.8)."""
    return web.Response(status=307, headers={"Location": location, "Cache-Control": "no-store"})


def _response(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        body=body,
        headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store", **(headers or {})},
    )
