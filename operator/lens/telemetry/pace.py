"""When to ask whom: spread evenly, and those that hang less and less often."""

import random

BURST_PER_SECOND = 400
"""How many new targets are asked first in a second: a small cluster is known at once, a large one soon."""

NEXT = (0.85, 0.92)
"""The next reading comes after this part of the interval, drawn anew each time.

Never later than the interval, so that a sample that was 5 s old when it was read is not 20 s old before the
next; never in step, or a node whose agent samples just after it is read would be the stalest for ever.
"""

SLOWER = (1, 1, 2, 4)
"""How many intervals to wait after none, one, two, and three or more readings in a row that hung."""


class Pace:
    """Draws the pauses between readings."""

    def __init__(self, interval: float, chance: random.Random) -> None:
        """Take the seconds between two readings of a target."""
        self._interval = interval
        self._chance = chance

    def first(self, newcomers: int) -> float:
        """Return the seconds until the first reading of one of so many that are new at once."""
        return self._chance.uniform(0, min(self._interval, newcomers / BURST_PER_SECOND))

    def next(self, hangs: int) -> float:
        """Return the seconds from one reading's start to the next, after so many that hung in a row."""
        return self._interval * self._chance.uniform(*NEXT) * SLOWER[min(hangs, len(SLOWER) - 1)]
