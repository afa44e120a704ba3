"""Resolves host names in threads of its own, so that a silent DNS server blocks nothing else.

While a resolver is silent, getaddrinfo blocks for ten seconds for each domain that is searched. asyncio would
call it in the few threads that it has for all work, and wait for it before the process ends.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

AGAIN_SECONDS = 3.0
"""A second lookup starts when the first takes so long: the resolver may be back long before."""

MAX_OF_ONE = 4
"""Lookups of one name at once."""

MAX_LOOKUPS = 64
"""Lookups at once in this process."""

Infos = list[tuple[Any, ...]]

_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


class Resolver(AbstractResolver):
    """Looks up names in daemon threads."""

    def __init__(
        self,
        getaddrinfo: Callable[..., Infos] = socket.getaddrinfo,
        *,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        """Take the blocking function that looks up names, and when to call it once more."""
        self._getaddrinfo = getaddrinfo
        self._again_seconds = again_seconds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raise OSError if there are none."""
        look_up = partial(
            self._getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
        pending: set[asyncio.Future[Infos]] = set()
        try:
            while True:
                if len(pending) < MAX_OF_ONE and (started := _started(look_up)) is not None:
                    pending.add(started)
                if not pending:
                    raise OSError(f"{host}: too many names are being looked up")
                done, pending = await asyncio.wait(
                    pending, timeout=self._again_seconds, return_when=asyncio.FIRST_COMPLETED
                )
                errors = [error for each in done if (error := each.exception()) is not None]
                if len(errors) < len(done):
                    infos = next(each.result() for each in done if each.exception() is None)
                    return [_result(host, *info) for info in infos]
                if errors and not pending:
                    raise errors[0]
        finally:
            for each in pending:
                each.cancel()

    async def close(self) -> None:
        """Leave the lookups to their threads."""


def _started(look_up: Callable[[], Infos]) -> "asyncio.Future[Infos] | None":
    """Start a lookup; return None if there are too many."""
    if not _lookups.acquire(blocking=False):
        return None
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Infos] = loop.create_future()
    try:
        threading.Thread(target=_look_up, args=(look_up, loop, found), name="resolver", daemon=True).start()
    except RuntimeError:  # the system has no more threads
        _lookups.release()
        return None
    return found


def _look_up(
    look_up: Callable[[], Infos], loop: asyncio.AbstractEventLoop, found: "asyncio.Future[Infos]"
) -> None:
    infos: Infos = []
    error: OSError | None = None
    try:
        infos = look_up()
    except OSError as raised:
        error = raised
    except ValueError as raised:  # a name that can't be encoded
        error = OSError(str(raised))
    finally:
        _lookups.release()
    # The loop may have ended meanwhile.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_set_result, found, infos, error)


def _set_result(found: "asyncio.Future[Infos]", infos: Infos, error: OSError | None) -> None:
    if found.done():  # nobody waits any more
        return
    if error is None:
        found.set_result(infos)
    else:
        found.set_exception(error)


def _result(
    hostname: str, family: int, _kind: int, proto: int, _canonical: str, address: tuple[Any, ...]
) -> ResolveResult:
    host, port = address[0], address[1]
    if family == socket.AF_INET6 and address[3]:
        host = f"{host}%{address[3]}"  # a link-local address is one of an interface
    return ResolveResult(
        hostname=hostname,
        host=host,
        port=port,
        family=family,
        proto=proto,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
