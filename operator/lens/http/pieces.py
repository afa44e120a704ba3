"""A body that is written a piece at a time, as fast as the client takes it."""

from collections.abc import Callable

from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter

from lens.bounds import PIECE_BYTES


class Pieces(payload.Payload):
    """The bytes of an answer. ``progressed`` is called for each piece that there was room for."""

    _autoclose = True

    def __init__(
        self,
        body: bytes,
        began: Callable[[bytes], object],
        progressed: Callable[[], object],
        ended: Callable[[bytes], object],
    ) -> None:
        """Take what to write, and who is told of it."""
        super().__init__(body)
        self._size = len(body)
        self._body = body
        self._began = began
        self._progressed = progressed
        self._ended = ended

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return it as text."""
        return self._body.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it. Raise ConnectionError when the client has gone."""
        self._began(self._body)
        try:
            whole = memoryview(self._body)
            for start in range(0, len(whole), PIECE_BYTES):
                await writer.write(whole[start : start + PIECE_BYTES])
                await writer.drain()
                self._progressed()
        finally:
            self._ended(self._body)
