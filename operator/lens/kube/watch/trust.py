"""Decides how far a resource's watches can be trusted, by how they begin, bring lines and end.

The apiserver ends each watch at the time that it was asked for. So one that brings no byte and doesn't end
either is silent: a proxy keeps its connection open, and no apiserver is behind it.
"""

import math
import time
from collections.abc import Callable

MAX_EMPTY_WATCHES = 3
"""Consecutive watches that end before their time without a usable line, after which Lens drops their
resourceVersion and lists."""

EMPTY_SECONDS = 90.0
"""The time without a usable line after which Lens drops the resourceVersion in any case."""

MAX_SILENT_WATCHES = 2
"""Consecutive silent watches, from which on Lens lists after each: no watch shows changes."""

SETTLED_SECONDS = 0.5
"""The age at which a watch has brought what happened before it began. It may be cut off before."""

END_SECONDS = 1.0
"""A watch that ends at most this long before its time has ended in time."""


class Trust:
    """What is known of one resource's watches."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start before the first list. ``clock`` returns seconds and never goes back."""
        self._clock = clock
        self._opened_at = -math.inf
        self._received_at = clock()
        self._ends_at = math.inf
        self._had_line = True
        self._empty = 0
        self._silent = 0
        self._doubt: str | None = None

    @property
    def is_settled(self) -> bool:
        """Return whether the open watch has brought everything that has happened."""
        return not self._silent and self._clock() - self._opened_at >= SETTLED_SECONDS

    @property
    def is_silent(self) -> bool:
        """Return whether the last watch was silent, and no line has come since."""
        return self._silent > 0

    def opened(self, seconds: float) -> str | None:
        """Record that a watch has begun, which should last this many seconds.

        Return why its resourceVersion can't be relied upon, or None. One from the future (after etcd was
        restored) has no lines, and one before a line that can't be decoded makes no progress.
        """
        now = self._clock()
        if not self._had_line and now < self._ends_at:
            self._empty += 1
        self._had_line = False
        self._opened_at, self._ends_at = now, now + seconds - END_SECONDS
        if self._doubt is not None:
            return self._doubt
        if self._empty >= MAX_EMPTY_WATCHES or now - self._received_at >= EMPTY_SECONDS:
            return "watches have no lines"
        return None

    def received(self) -> None:
        """Record a usable line."""
        self._had_line, self._empty, self._silent, self._received_at = True, 0, 0, self._clock()

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
        """Record that a watch neither brought a byte nor ended in time.

        The next one may reach an apiserver that answers. Until one brings a line or ends in time, the
        watches show nothing.
        """
        self._silent += 1
        if self._silent >= MAX_SILENT_WATCHES:
            self._doubt = "watches neither bring lines nor end"

    def unreachable(self) -> None:
        """Record that the apiserver could not be reached.

        It may come back with another history (an etcd that was restored from a backup), whose versions
        soon exceed those of the lost one. Only a list shows that.
        """
        self._doubt = "the apiserver was unreachable"

    def listed(self) -> None:
        """Record a complete list."""
        self._doubt = None
        self._had_line, self._empty, self._received_at = True, 0, self._clock()
