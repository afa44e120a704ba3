"""A server as if it were far away: a relay before it that passes everything on late."""

import asyncio
import threading
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 64 * 1024


class Distance:
    """Listens on `port` of 127.0.0.1, a `round_trip_s` away from what listens on `to`.

    What is sent arrives half a round trip later. Before the first of it, TCP's handshake takes a whole one.
    """

    def __init__(self, to: int, round_trip_s: float) -> None:
        self._to, self._round_trip_s = to, round_trip_s
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._open: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accepted, "127.0.0.1", 0), self._loop
        ).result()
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await asyncio.sleep(self._round_trip_s)
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
            await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            writer.close()
        finally:
            self._open.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        late = self._round_trip_s / 2
        try:
            while data := await reader.read(_CHUNK_BYTES):
                self._loop.call_later(late, writer.write, data)
        finally:
            self._loop.call_later(late, writer.close)
