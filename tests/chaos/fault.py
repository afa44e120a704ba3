"""What a fault is, and the list of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from tests.chaos.scene import Scene

Broken = Literal["control plane", "agents", "process", "clock", "names"]
Act = Callable[[Scene], AsyncIterator[None]]


LAG_S = 2.0
"""The seconds that a change may take from the apiserver's answer to Lens' figures."""


@dataclass(frozen=True)
class Fault:
    """A fault lasts for ``seconds`` between its begin and its end.

    It ``hurts`` those replicas whose requests may fail meanwhile. It isn't paired with another one that
    ``breaks`` the same, and without ``pairs`` not at all.
    Answers may be older than they say by ``lag``.
    """

    name: str
    text: str
    begin: Callable[[Scene], AbstractAsyncContextManager[None]]
    seconds: float
    hurts: tuple[int, ...] = ()
    breaks: Broken | None = None
    writes: bool = True
    lag: float = LAG_S
    pairs: bool = True


FAULTS: dict[str, Fault] = {}


def fault(
    *,
    seconds: float = 5,
    hurts: tuple[int, ...] = (),
    breaks: Broken | None = None,
    writes: bool = True,
    lag: float = LAG_S,
    pairs: bool = True,
) -> Callable[[Act], Act]:
    """Add a fault: a generator that begins it, yields, and ends it. Its name and text are the function's.

    It ends whatever came of another one, for what it takes away is needed again by those that follow.
    Without ``writes`` nobody changes the cluster meanwhile: what is written then would be lost.
    """

    def add(act: Act) -> Act:
        name = act.__name__.replace("_", "-")
        text = (act.__doc__ or "").splitlines()[0]
        FAULTS[name] = Fault(name, text, _ends(act), seconds, hurts, breaks, writes, lag, pairs)
        return act

    return add


def _ends(act: Act) -> Callable[[Scene], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def begun(scene: Scene) -> AsyncIterator[None]:
        steps = act(scene)
        await anext(steps)
        try:
            yield
        finally:
            with suppress(StopAsyncIteration):
                await anext(steps)

    return begun
