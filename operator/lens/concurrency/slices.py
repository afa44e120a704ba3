"""Runs long work in an event loop in slices, so that other tasks wait for one slice and not for all."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
R = TypeVar("R")

SLICE_SECONDS = 0.002
"""The length of a slice, after which other tasks run. Making one item should take less."""

# Concurrent long works take turns too, or each iteration of the loop would run a slice of all of them.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def each(make: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Return what ``make`` returns for each item, in their order."""
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


async def run(steps: Iterable[object]) -> None:
    """Take all steps of a work."""
    await each(lambda _step: None, steps)
