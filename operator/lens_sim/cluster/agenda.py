"""What is going to happen in the simulation, in order of time."""

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

Action = Callable[[datetime], None]


class Agenda:
    """Actions that are due at a time, which they are given when they run."""

    def __init__(self) -> None:
        self._actions: list[tuple[datetime, int, Action]] = []
        self._order = itertools.count()

    def after(self, at: datetime, seconds: float, action: Action) -> None:
        """Do something some seconds after a time."""
        due = at + timedelta(seconds=seconds)
        heapq.heappush(self._actions, (due, next(self._order), action))

    def run_until(self, now: datetime) -> None:
        """Do all that is due, and what follows from it; of two at one time, the one noted first."""
        while self._actions and self._actions[0][0] <= now:
            at, _, action = heapq.heappop(self._actions)
            action(at)
