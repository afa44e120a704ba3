"""The proxy for event streams: a peer's bytes are passed on, at the speed at which the client reads them."""

import contextlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from lens.api.errors import ApiError
from lens.api.parameters.stream import StreamParameters
from lens.api.proxy.peer_proxy import PeerProxy, peer_query
from lens.api.proxy.peers import PeerStream
from lens.http.response.stream_writer import write
from lens.model.peer import PeerFailedError


class StreamProxy:
    """All streams that are proxied from peers."""

    def __init__(self, proxy: PeerProxy) -> None:
        """Take the proxy to peers."""
        self._proxy = proxy
        self._open: set[PeerStream] = set()
        self._closing = False

    async def pass_on(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        params: StreamParameters,
        reauthorize: Callable[[], Awaitable[None]],
    ) -> None:
        """Pass a peer's stream on until either side ends it.

        Raise an ApiError when the peer refuses, or when ``reauthorize`` raises it between two events.
        """
        stream = await self._proxy.stream(request, params.cluster, peer_query(request, params))
        self._open.add(stream)
        try:
            await response.prepare(request)
            # However the stream ends, clients ignore an incomplete event and reconnect.
            with contextlib.suppress(PeerFailedError):
                while not self._closing and (chunk := await stream.read()):
                    await write(response, chunk)
                    try:
                        await reauthorize()
                    except ApiError:
                        # The error event, which gives the reason, can only be sent between two events.
                        if chunk.endswith(b"\n\n"):
                            raise
                        break
            await response.write_eof()
        finally:
            self._open.discard(stream)
            stream.close()

    def close(self) -> None:
        """End all streams."""
        self._closing = True
        for stream in self._open:
            stream.close()
