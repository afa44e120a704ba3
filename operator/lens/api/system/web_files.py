"""The files of ``lens.web``: the OpenAPI document, and the same as a page."""

from importlib import resources

from aiohttp import web

from lens.api.access.auth import Caller
from lens.api.parameters import Parameters

_MAX_AGE_SECONDS = 300
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class WebFile:
    """A file, read once."""

    def __init__(self, name: str, content_type: str) -> None:
        """Take the file's name and the whole Content-Type."""
        self._body = resources.files("lens.web").joinpath(name).read_bytes()
        self._headers = {
            "Content-Type": content_type,
            "Cache-Control": f"public, max-age={_MAX_AGE_SECONDS}",
            # A page has its style inside and needs nothing else.
            "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff",
        }

    async def handler(self, _request: web.BaseRequest, _params: Parameters, _caller: Caller) -> web.Response:
        """Respond with the file."""
        return web.Response(body=self._body, headers=self._headers)
