"""When to scrape each target: evenly spread, and hanging targets less and less often."""

import random

BURST_PER_SECOND = 400
"""First scrapes of new targets in one second: a small cluster is known at once, a large one soon."""

INTERVAL_FRACTION = (0.85, 0.92)
"""The bounds of the random part of the interval until the next scrape.

It never exceeds the interval, so that a sample that was 5 s old when scraped is not 20 s old at the next. It
varies, since otherwise a node whose agent samples just after each scrape would always be the stalest.
"""

SECOND_FRACTION = (0.1, 0.92)
"""The same for a target's second scrape.

The first ones are a burst, which would otherwise come again in each interval.
"""

HANG_INTERVALS = (1, 1, 2, 4)
"""The intervals to wait after no, one, two, and three or more consecutive scrapes that hung."""


class ScrapeSchedule:
    """The random delays between scrapes."""

    def __init__(self, interval: float, rng: random.Random) -> None:
        """Scrape each target once in ``interval`` seconds."""
        self._interval = interval
        self._rng = rng

    def first_delay(self, newcomers: int) -> float:
        """Return the seconds until the first scrape of one of so many new targets."""
        return self._rng.uniform(0, min(self._interval, newcomers / BURST_PER_SECOND))

    def next_delay(self, hangs: int, *, first: bool = False) -> float:
        """Return the seconds between the starts of two scrapes, after so many consecutive hangs.

        ``first`` is whether the one before was the target's first.
        """
        if first and not hangs:
            return self._interval * self._rng.uniform(*SECOND_FRACTION)
        return (
            self._interval
            * self._rng.uniform(*INTERVAL_FRACTION)
            * HANG_INTERVALS[min(hangs, len(HANG_INTERVALS) - 1)]
        )
