"""Epochs: for a while all views of a cluster are made from one state, so that none contradicts another.

An epoch ends as soon as the state differs from it, though no earlier than a second after it began, and in any
case when responses have been cached for as long as they may be.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from math import inf

from lens.api.errors import outdated
from lens.model.cluster_state import ClusterState, StateView

REBUILD_SECONDS = 1.0
"""The shortest time between two epochs."""

TOGETHER_SECONDS = 0.5
"""Different requests of one caller are joined if no more time is between them."""

BURST_SECONDS = 0.1
"""So are requests that are sent at one time, repeated ones included.

On a busy machine they are read one after the other, and not within a few milliseconds.
"""

MAX_TOGETHER_SECONDS = 1.0
"""How long after its end an epoch still serves joined requests."""

MAX_CALLERS = 4096
MAX_QUESTIONS = 256


@dataclass(slots=True, weakref_slot=True)
class Epoch:
    """The state that all views are made from since ``taken_at``. No other epoch has its ``number``.

    ``latest`` is the last state that has the same snapshot, from which the age of the figures is taken.
    ``taken_at`` moves when a caller has the state compared again, ``began_at`` doesn't.
    """

    number: int
    view: StateView
    latest: StateView
    taken_at: float
    began_at: float

    def age(self, now: float) -> float:
        """Return the seconds since the state was taken, or last compared with the present one."""
        return max(0.0, now - self.taken_at)


@dataclass(slots=True)
class _LastQuestions:
    """The epoch of a caller's last response, and the requests that it served, none of them twice.

    ``burst`` are the questions of the last burst, ``questions`` those since the last long pause. A pause
    lasts from an answer (the last one was given ``at``) until the next question arrives. ``last`` is the last
    question, and ``last_gap`` the pause before it.
    """

    epoch: Epoch
    at: float
    questions: set[bytes] = field(default_factory=set)
    burst: set[bytes] = field(default_factory=set)
    last: bytes = b""
    last_gap: float = inf

    def gap(self, now: float, waited: float) -> float:
        """Return the seconds from the last request to one that arrived ``waited`` seconds before ``now``."""
        # A negative time means that the clock was set back.
        return max(0.0, now - self.at - waited) if now >= self.at else inf

    def joins(self, question: bytes, gap: float) -> bool:
        """Return whether a request is joined to the last one."""
        return (
            (gap < BURST_SECONDS and question not in self.burst)
            or (gap < TOGETHER_SECONDS and question not in self.questions)
            or self._belongs_to_last(question, gap)
        )

    def _belongs_to_last(self, question: bytes, gap: float) -> bool:
        """Return whether a repeated request is closer to the last one than that was to those before.

        A busy machine may spread the questions of one poll over more than a burst. Then the first question of
        the next poll has joined this one. Without this rule each later one would join the poll after its own.
        """
        return question != self.last and gap < min(BURST_SECONDS, self.last_gap)

    def add(self, question: bytes, gap: float, now: float, *, joins: bool) -> None:
        """Add a request that is served now."""
        repeated = question in self.burst
        if not joins or len(self.questions) >= MAX_QUESTIONS:
            self.questions.clear()
        if gap >= BURST_SECONDS or repeated or not self.questions:
            self.burst.clear()
        if repeated and joins:
            self.burst.add(self.last)
        self.questions.add(question)
        self.burst.add(question)
        self.at, self.last, self.last_gap = now, question, gap


class Epochs:
    """The epochs of one cluster's state. For use in one event loop."""

    def __init__(self, state: ClusterState, seconds: float) -> None:
        """Take the state, and the seconds for which responses may be cached; 0 for not at all."""
        self._state = state
        self._seconds = seconds
        self._rebuild_seconds = min(REBUILD_SECONDS, seconds)
        self._number = 0
        self._present: Epoch | None = None
        self._last_questions: dict[Hashable, _LastQuestions] = {}

    def current(self) -> StateView:
        """Return the present state, for what is never cached. Raise an ApiError until all has been listed."""
        current = self._state.current
        if not current.synced:
            raise outdated("Not synced yet", current)
        return current

    def get(self, caller: Hashable, question: bytes, limit: float, now: float, waited: float = 0.0) -> Epoch:
        """Return the epoch for a caller's request. Raise an ApiError until all has been listed.

        ``limit`` is the age in seconds from which on the caller accepts no cached response. The question
        arrived ``waited`` seconds ago: who sent it knew no answer that was given since.
        """
        current = self.current()
        last = self._last_questions.get(caller)
        gap = inf if last is None else last.gap(now, waited)
        joins = last is not None and last.joins(question, gap)
        epoch = self._epoch(current, last if joins and limit == inf else None, now, limit)
        if last is None or last.epoch is not epoch:
            last = self._last_questions[caller] = _LastQuestions(epoch, now)
            if len(self._last_questions) > MAX_CALLERS:
                self._last_questions = {caller: last}
        last.add(question, gap, now, joins=joins)
        if current.snapshot is epoch.view.snapshot:
            epoch.latest = current
        return epoch

    def _epoch(self, current: StateView, joined: _LastQuestions | None, now: float, limit: float) -> Epoch:
        """Return the epoch of joined requests unless it is too old, or else the present one."""
        if joined is not None:
            age = now - joined.epoch.taken_at
            if 0 <= age < min(self._rebuild_seconds + MAX_TOGETHER_SECONDS, self._seconds):
                return joined.epoch
        present = self._present
        if present is None or not 0 <= now - present.began_at < self._seconds:
            return self._begin(current, now)
        age = now - present.taken_at
        if age < min(limit, self._rebuild_seconds):
            return present
        if current.differs_from(present.view):
            return self._begin(current, now)
        # The states differ only in their times.
        present.view = current
        if age >= limit:
            present.taken_at = now
        return present

    def _begin(self, current: StateView, now: float) -> Epoch:
        self._number += 1
        self._present = Epoch(self._number, current, current, now, now)
        self._last_questions = {
            caller: last
            for caller, last in self._last_questions.items()
            if 0 <= now - last.at < TOGETHER_SECONDS
        }
        return self._present
