"""Whether a watch that tells nothing has nothing to tell.

Something between Lens and the apiserver may swallow what a watch tells, and keep it open. So each watch is
short, and before its end the apiserver is asked for the newest version in its cache of the resource. If the
watch has told less than that, it owes a line: a change, or a bookmark, which the apiserver sends shortly
before a watch's end if there is a newer version to tell of (k8s.io/apiserver, ``cacheWatcher``). If there
is none, it sends no bookmark. So an empty watch alone means nothing.
"""

import time
from collections.abc import Callable
from enum import Enum, auto

BOOKMARK_SECONDS = 3.0
"""The apiserver sends the bookmark between so many seconds and one second before a watch's end."""

ASK_SECONDS = 4.5
"""From so many seconds before a watch's end on the apiserver is asked, until it answers in time."""

END_SECONDS = 1.0
"""A watch that lasted all but so many seconds has had its bookmark, if there was one."""


class Told(Enum):
    """What is known of a watch that has ended."""

    ALL = auto()
    NOT_ALL = auto()
    UNKNOWN = auto()


class Account:
    """What a resource's watches have told, one after the other, against what there was to tell.

    Not every apiserver keeps the promise of a bookmark (without a watch cache it doesn't). If a list finds
    nothing that a watch had kept back, and no watch has ever paid what it owed, debts mean nothing until one
    does, or a list finds something.
    """

    def __init__(self, known: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        """``known`` returns the version up to which all has been told. ``clock`` never goes back."""
        self._known = known
        self._clock = clock
        self._ends_at = 0.0
        self._newest: int | None = None
        self._owed = False
        self._paid_ever = False
        self._suspected = False
        self._is_believed = True

    @property
    def is_due(self) -> bool:
        """Return whether to ask for the newest version now."""
        return self._newest is None and BOOKMARK_SECONDS < self._left <= ASK_SECONDS

    def open(self, seconds: float) -> None:
        """Begin with a watch that the apiserver ends after so many seconds; 0.0 if that is unknown."""
        self._ends_at = self._clock() + seconds
        self._newest, self._owed = None, False

    def there_is(self, newest: int) -> None:
        """Take the newest version in the apiserver's cache, unless it is too late for a bookmark of it."""
        if self._left > BOOKMARK_SECONDS:
            self._newest, self._owed = newest, newest > self._known()

    def close(self) -> Told:
        """Return what is known of the watch that has ended."""
        if self._newest is None:
            return Told.UNKNOWN
        known = self._known()
        if self._owed and known >= self._newest:
            self._paid_ever = self._is_believed = True
        if known > self._newest:
            # Of a watch without lines: its versions are of a future that a restored etcd has lost.
            return Told.UNKNOWN
        if known == self._newest:
            return Told.ALL
        if self._left > END_SECONDS or not self._is_believed:
            return Told.UNKNOWN
        self._suspected = True
        return Told.NOT_ALL

    def listed(self, *, found: bool) -> None:
        """Note a complete list, and whether it found anything that the watches hadn't told."""
        if self._suspected or found:
            self._is_believed = found or self._paid_ever
        self._suspected = False

    @property
    def _left(self) -> float:
        return self._ends_at - self._clock()
