"""Ends the accepting of connections so that none is left open."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

_ROUNDS = 3
"""Of the loop: an accepted connection gets its transport, then its protocol, then its handler."""


class _Listening(Protocol):
    def fileno(self) -> int: ...


async def stop_accepting(sockets: Iterable[_Listening]) -> None:
    """Accept no more at the sockets of an asyncio server, which may be closed then.

    If the server is closed between the first two of these rounds, nobody closes the connection: its transport
    can't be attached to the server any more (`asyncio.Server._attach`).
    """
    loop = asyncio.get_running_loop()
    for each in sockets:
        loop.remove_reader(each.fileno())
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
