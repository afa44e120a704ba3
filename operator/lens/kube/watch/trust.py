"""How far a resource's watches can be relied upon, by how they begin, tell something and end.

The apiserver ends each watch at the time that it was asked for. So one that brings no byte and doesn't end
either is silent: something keeps its connection open, and nobody is behind it.
"""

import math
import time
from collections.abc import Callable

MAX_EMPTY_WATCHES = 3
"""Consecutive watches that end before their time without a usable line, after which their resourceVersion is
given up."""

EMPTY_SECONDS = 90.0
"""The time without a usable line after which the resourceVersion is given up all the same."""

MAX_SILENT_WATCHES = 2
"""Consecutive silent watches, from which on each costs a list: no watch tells what happens."""

SETTLED_SECONDS = 0.5
"""The age of a watch from which on it has brought what had happened before it began. It may be cut before."""

END_SECONDS = 1.0
"""A watch that ends up to so many seconds before its time has lasted."""


class Trust:
    """What is known of one resource's watches."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start before the first list. ``clock`` returns seconds and never goes back."""
        self._clock = clock
        self._opened_at = -math.inf
        self._heard_at = clock()
        self._ends_at = math.inf
        self._told = True
        self._empty = 0
        self._silent = 0
        self._doubt: str | None = None

    @property
    def is_settled(self) -> bool:
        """Return whether a watch that stands has told all that has happened."""
        return not self._silent and self._clock() - self._opened_at >= SETTLED_SECONDS

    @property
    def is_silent(self) -> bool:
        """Return whether the last watch was silent, and nothing has been told since."""
        return self._silent > 0

    def opened(self, seconds: float) -> str | None:
        """Record that a watch has begun, which is to last for so many seconds.

        Return why its resourceVersion can't be relied upon, or None. One from the future (after etcd was
        restored) has no lines, and one before a line that can't be decoded makes no progress.
        """
        now = self._clock()
        if not self._told and now < self._ends_at:
            self._empty += 1
        self._told = False
        self._opened_at, self._ends_at = now, now + seconds - END_SECONDS
        if self._doubt is not None:
            return self._doubt
        if self._empty >= MAX_EMPTY_WATCHES or now - self._heard_at >= EMPTY_SECONDS:
            return "watches have no lines"
        return None

    def heard(self) -> None:
        """Record a usable line."""
        self._told, self._empty, self._silent, self._heard_at = True, 0, 0, self._clock()

    def ended(self) -> float | None:
        """Record that the apiserver has ended a watch.

        Return for how many seconds its end has been due, or None if it ended before its time.
        """
        left = self._ends_at - self._clock()
        if left > 0:
            return None
        self._silent = 0
        return max(0.0, -left - END_SECONDS)

    def silent(self) -> None:
        """Record that a watch neither told anything nor ended in time.

        The next one may get to an apiserver that answers. Until one tells something or ends in time, the
        watches show nothing.
        """
        self._silent += 1
        if self._silent >= MAX_SILENT_WATCHES:
            self._doubt = "watches neither tell anything nor end"

    def unreachable(self) -> None:
        """Record that the apiserver could not be reached.

        It may come back with another past (an etcd that was restored from a backup), whose versions soon
        exceed those of the lost one. Only a list shows that.
        """
        self._doubt = "the apiserver was unreachable"

    def listed(self) -> None:
        """Record a complete list."""
        self._doubt = None
        self._told, self._empty, self._heard_at = True, 0, self._clock()
