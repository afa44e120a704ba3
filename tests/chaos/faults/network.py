"""Faults of what stands between Lens and the apiserver."""

import asyncio
from collections.abc import AsyncIterator

from tests.chaos.fault import fault
from tests.chaos.gateway import is_list, is_watch
from tests.chaos.interferences import Drip, Garbage, Halves, Late, Mute, Portal, Refuse, Silent, Stale
from tests.chaos.scene import Scene


@fault(seconds=60, lag=15)
async def watches_silent(scene: Scene) -> AsyncIterator[None]:
    """Watches stay open and say nothing."""
    async with scene.gateway.with_(Silent(), anew=False):
        yield


@fault(seconds=10, lag=15)
async def watches_mute(scene: Scene) -> AsyncIterator[None]:
    """Watches say nothing, and end when they should."""
    async with scene.gateway.with_(Mute(), anew=False):
        yield


@fault()
async def lines_cut(scene: Scene) -> AsyncIterator[None]:
    """Watches end in the middle of a line."""
    async with scene.gateway.with_(Halves(is_watch)):
        yield


@fault()
async def lists_cut(scene: Scene) -> AsyncIterator[None]:
    """Lists end in the middle of an object."""
    async with scene.gateway.with_(Halves(is_list)):
        yield


@fault()
async def garbage_in_watches(scene: Scene) -> AsyncIterator[None]:
    """Watches have lines that are no JSON, or no change."""
    async with scene.gateway.with_(Garbage()):
        yield


@fault()
async def lines_repeated(scene: Scene) -> AsyncIterator[None]:
    """Watches repeat old lines, out of order."""
    async with scene.gateway.with_(Stale()):
        yield


@fault()
async def captive_portal(scene: Scene) -> AsyncIterator[None]:
    """A page for people, with 200, in place of every response."""
    async with scene.gateway.with_(Portal()):
        yield


@fault()
async def requests_429(scene: Scene) -> AsyncIterator[None]:
    """The apiserver says 429 with Retry-After."""
    async with scene.gateway.with_(Refuse(429, "TooManyRequests", {"Retry-After": "1"})):
        yield


@fault()
async def requests_500(scene: Scene) -> AsyncIterator[None]:
    """The apiserver says 500."""
    async with scene.gateway.with_(Refuse(500, "InternalError")):
        yield


@fault()
async def requests_503(scene: Scene) -> AsyncIterator[None]:
    """A load balancer says 503."""
    async with scene.gateway.with_(Refuse(503, "ServiceUnavailable")):
        yield


@fault()
async def lists_504(scene: Scene) -> AsyncIterator[None]:
    """Lists take too long for the apiserver, while watches go on."""
    async with scene.gateway.with_(Refuse(504, "Timeout", applies=is_list)):
        yield


@fault(seconds=10)
async def lists_endless(scene: Scene) -> AsyncIterator[None]:
    """Lists come a byte at a time and never end."""
    async with scene.gateway.with_(Drip()):
        yield


@fault()
async def responses_late(scene: Scene) -> AsyncIterator[None]:
    """Every response is a second late."""
    async with scene.gateway.with_(Late(1)):
        yield


@fault()
async def connections_refused(scene: Scene) -> AsyncIterator[None]:
    """Nobody listens at the apiserver's address."""
    await scene.gateway.refuse()
    yield
    await scene.gateway.listen()


@fault(seconds=1)
async def connections_reset(scene: Scene) -> AsyncIterator[None]:
    """All connections are reset once."""
    scene.gateway.reset()
    yield


@fault(seconds=8)
async def connections_short(scene: Scene) -> AsyncIterator[None]:
    """A proxy resets each connection after a second."""

    async def reset() -> None:
        while True:
            await asyncio.sleep(1)
            scene.gateway.reset()

    task = asyncio.create_task(reset())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
