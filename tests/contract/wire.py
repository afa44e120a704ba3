"""Bytes over a socket, for requests that no client library would send."""

import asyncio
import json
from typing import Any, NamedTuple

from lens.api.server import Server


class RawAnswer(NamedTuple):
    """An answer, taken apart by hand."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def meta(self) -> Any:
        """Return the envelope's meta; the data is null."""
        document = json.loads(self.body)
        assert document.keys() == {"meta", "data"}
        assert document["data"] is None
        return document["meta"]


async def exchange(server: Server, *chunks: bytes) -> list[RawAnswer]:
    """Send the chunks one after another; return the answers up to the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    answers: list[RawAnswer] = []
    try:
        async with asyncio.timeout(30):
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
            while answer := await read_answer(reader):
                answers.append(answer)
    except ConnectionError:
        pass  # the server let go while there was still something unread
    finally:
        writer.close()
    return answers


async def read_answer(reader: asyncio.StreamReader) -> RawAnswer | None:
    """Read one answer, or None at the end of the connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = await reader.readline()
        if not line:
            assert not head, "the answer broke off"
            return None
        head += line
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.title(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("Content-Length", "0")))
    return RawAnswer(int(first.split(" ")[1]), headers, body)
