"""The future actions of the simulation, in order of time."""

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

    def run_until(self, now: datetime, ends: Callable[[], bool] = lambda: False) -> bool:
        """Run all due actions, with those that they add; of two at one time the one that was added first.

        Return false if there was more when it ``ends``, which it is asked after each action.
        """
        while self._actions and self._actions[0][0] <= now:
            at, _, action = heapq.heappop(self._actions)
            action(at)
            if ends():
                return not (self._actions and self._actions[0][0] <= now)
        return True

    def put_off(self, earliest: datetime) -> None:
        """Put everything off by as much as the next action is due before a time."""
        if self._actions and (late := earliest - self._actions[0][0]) > timedelta():
            # All by the same: it stays a heap.
            self._actions = [(due + late, number, action) for due, number, action in self._actions]
