"""Long work in an event loop, in slices: who else is there waits for one of them, and not for all."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
R = TypeVar("R")

SLICE_SECONDS = 0.002
"""For so long a loop is held before others have their turn. What is made of one item should take less."""

# Several long works at once take turns too, or each round of the loop would take a slice of all of them.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def each(make: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return what is made of each item, in their order."""
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    made: list[R] = []
    rest = iter(items)
    while True:
        async with turn:
            until = time.perf_counter() + SLICE_SECONDS
            for item in rest:
                made.append(make(item))
                if time.perf_counter() >= until:
                    break
            else:
                return made
            await asyncio.sleep(0)
