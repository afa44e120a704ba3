"""Files of ``lens.web`` as responses: the OpenAPI document, the same as a page, and the files of the page."""

from collections.abc import Mapping
from hashlib import sha256
from importlib import resources

from aiohttp import web
from multidict import MultiMapping

from lens.api.access.auth import Caller
from lens.api.cache.content_encoding import MIN_ENCODED_BYTES, ONCE_ENCODERS
from lens.api.cache.representation import matches
from lens.api.negotiation import IDENTITY, content_encoding
from lens.api.parameters.base import Parameters

_REWRITTEN = "X-Forwarded-Uri"
"""The field that an apiserver adds where it proxies to a Service or a pod.

It rewrites the addresses in HTML. Of HTML that is encoded it tells a wrong length or sends nothing
(apimachinery 0.37, util/proxy/transport.go).
"""

_MAX_AGE_SECONDS = 300
_DOCUMENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class WebFile:
    """A file that never changes while the process runs, and its encodings, each made on first use."""

    def __init__(self, body: bytes, content_type: str, cache_control: str, policy: str) -> None:
        """Take the file, its whole Content-Type, its Cache-Control and its policy."""
        self._body = body
        self._encoded: dict[str, bytes] = {IDENTITY: body}
        self._tag = sha256(body).hexdigest()[:32]
        self._is_html = content_type.startswith("text/html")
        self._headers: Mapping[str, str] = {
            "Content-Type": content_type,
            "Cache-Control": cache_control,
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Vary": f"Accept-Encoding, {_REWRITTEN}" if self._is_html else "Accept-Encoding",
        }

    def response(self, request_headers: MultiMapping[str]) -> web.Response:
        """Return the response to a request with these headers: 304 if the client has this tag."""
        encodings = () if self._is_html and _REWRITTEN in request_headers else tuple(ONCE_ENCODERS)
        encoding = content_encoding(
            request_headers, encodings, worthwhile=len(self._body) >= MIN_ENCODED_BYTES
        )
        tag = f'"{self._tag}"' if encoding == IDENTITY else f'"{self._tag}-{encoding}"'
        headers = {**self._headers, "ETag": tag}
        if matches(tag, request_headers):
            del headers["Content-Type"]
            return web.Response(status=304, headers=headers)
        if encoding not in self._encoded:
            self._encoded[encoding] = ONCE_ENCODERS[encoding](self._body)
        if encoding != IDENTITY:
            headers["Content-Encoding"] = encoding
        return web.Response(body=self._encoded[encoding], headers=headers)

    async def handler(self, request: web.BaseRequest, _params: Parameters, _caller: Caller) -> web.Response:
        """Respond with the file."""
        return self.response(request.headers)


def document(name: str, content_type: str) -> WebFile:
    """Return the OpenAPI document, or its page, by the name of its file."""
    body = resources.files("lens.web").joinpath(name).read_bytes()
    # A page has its style inside and needs nothing else.
    return WebFile(body, content_type, f"public, max-age={_MAX_AGE_SECONDS}", _DOCUMENT_POLICY)
