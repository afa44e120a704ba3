"""The deadline of the work on a question.

What is asked may cost any time: 32 terms for each of 32 templates, matched with the labels of every pod.
"""

from collections.abc import Callable

Check = Callable[[], None]
"""Raises OutOfTimeError when there is no more time. Called between pieces of work of a few milliseconds."""


class OutOfTimeError(Exception):
    """The time for a question is over."""


def no_deadline() -> None:
    """Never raise: there is no deadline."""


def deadline(clock: Callable[[], float], seconds: float) -> Check:
    """Return the check of a deadline that many seconds from now, by the clock."""
    until = clock() + seconds

    def check() -> None:
        if clock() >= until:
            raise OutOfTimeError

    return check
