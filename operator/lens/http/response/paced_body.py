"""A response body that is sent in pieces, as fast as the client reads."""

from collections.abc import Callable

from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter

from lens.bounds import PIECE_BYTES


class PacedBody(payload.Payload):
    """The bytes of a response. ``progressed`` is called after each piece that the client had room for."""

    _autoclose = True

    def __init__(
        self,
        body: bytes,
        began: Callable[[bytes], object],
        progressed: Callable[[], object],
        ended: Callable[[bytes], object],
    ) -> None:
        """Take the body and the callbacks."""
        super().__init__(body)
        self._size = len(body)
        self._body = body
        self._began = began
        self._progressed = progressed
        self._ended = ended

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text."""
        return self._body.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the body. Raise ConnectionError if the client disconnects."""
        self._began(self._body)
        try:
            whole = memoryview(self._body)
            for start in range(0, len(whole), PIECE_BYTES):
                await writer.write(whole[start : start + PIECE_BYTES])
                await writer.drain()
                self._progressed()
        finally:
            self._ended(self._body)
