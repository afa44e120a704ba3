"""Writes a streamed response at the speed at which the client reads it."""

import asyncio

from aiohttp import web

from lens.bounds import PIECE_BYTES

WRITE_TIMEOUT_SECONDS = 30.0
"""A client that reads nothing of a stream for this long is disconnected."""


async def write(response: web.StreamResponse, *chunks: bytes) -> None:
    """Write the chunks. Raise TimeoutError for a client that has stopped reading."""
    for chunk in chunks:
        for start in range(0, len(chunk), PIECE_BYTES):
            async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
                await response.write(chunk[start : start + PIECE_BYTES])
