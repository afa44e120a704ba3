"""What Lens' process has at a moment, and how that grows."""

import os
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import pairwise
from math import floor, inf, sqrt
from pathlib import Path
from typing import NamedTuple

from tests.attack import wire

_SAMPLE = re.compile(r"^(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)

BOUNDS: Mapping[str, float] = {
    "rss_mb": 1.0,
    "descriptors": 5.0,
    "threads": 1.0,
    "tasks": 5.0,
}
"""By how much each may grow a day."""

SURE = 2.0
"""How many standard errors are no chance."""

MIN_DISTANCE = 0.5
"""A slope nearer to its bound than this share of it can't be told from it in any time worth waiting."""

FEWEST = 4
"""With fewer hours there is no line."""

LATE_H = 0.1
"""A day's last sample may be so long before its end."""


class NoSampleError(Exception):
    """The process has no metrics to show: it gives no answer, or has ended."""


class Sample(NamedTuple):
    """A moment at rest: the simulated hour, and what there was.

    Of ``rss_mb`` is ``heap_mb`` what malloc has for the main thread, such as the cached responses of
    ``cache_mb``, and ``arenas_mb`` what Python has for its objects, and malloc for other threads. The hours
    before the day, in which what is bounded fills, are negative.
    """

    hour: float
    rss_mb: float
    descriptors: int
    threads: int
    tasks: int
    connections: int
    streams: int
    heap_mb: float
    arenas_mb: float
    cache_mb: float
    pods: int
    alerts: int


async def take(hour: float, pid: int, port: int) -> Sample:
    """Look at a process and at its metrics. Raise NoSampleError where there are none."""
    answer = await wire.ask(port, wire.request("/metrics"))
    if answer.status != HTTPStatus.OK:
        raise NoSampleError(f"no sample: HTTP status {answer.status}")
    known: dict[str, float] = {}
    for name, value in _SAMPLE.findall(answer.body.decode()):
        known[name] = known.get(name, 0.0) + float(value)
    try:
        status, resident = _status(pid), _resident(pid)
        return Sample(
            hour=hour,
            rss_mb=int(status["VmRSS"]) * 1024 / 1e6,
            descriptors=len(os.listdir(f"/proc/{pid}/fd")),
            threads=int(status["Threads"]),
            tasks=round(known["lens_tasks"]),
            connections=round(known["lens_http_connections"]),
            streams=round(known["lens_streams"]),
            heap_mb=resident["[heap]"] / 1e6,
            arenas_mb=resident[""] / 1e6,
            cache_mb=known["lens_cache_bytes"] / 1e6,
            pods=round(known["lens_running_tasks"]),
            alerts=round(known["lens_alerts"]),
        )
    except (OSError, KeyError) as error:
        raise NoSampleError(f"no sample: {error!r}") from None


def _status(pid: int) -> dict[str, str]:
    """Return the first word of each field of proc_pid_status(5)."""
    fields = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: value.split()[0] for name, _, value in fields if value.split()}


def _resident(pid: int) -> Counter[str]:
    """Return the resident bytes by what is mapped, nothing for memory of no file (proc_pid_smaps(5))."""
    found: Counter[str] = Counter()
    name = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        first, *others = line.split(maxsplit=5)
        if not first.endswith(":"):
            name = others[4] if len(others) > 4 else ""
        elif first == "Rss:":
            found[name] += int(others[0]) * 1024
    return found


class Growth(NamedTuple):
    """By how much a figure grows a day, and the standard error of that."""

    a_day: float
    error: float

    def __str__(self) -> str:
        """Return both, such as ``+0.42±0.20``."""
        return f"{self.a_day:+.2f}±{self.error:.2f}"

    def exceeds(self, bound: float) -> bool:
        """Tell whether it is surely over a bound: by more than chance would have it in 1 of 40 runs."""
        return self.a_day - SURE * self.error > bound

    def is_within(self, bound: float) -> bool:
        """Tell whether it is as surely no more than a bound. Of some growth neither can be said."""
        return self.a_day + SURE * self.error <= bound

    def hours_to_tell(self, bound: float, hours: float) -> float:
        """Return how long a run might have to be to tell, if this one of ``hours`` couldn't.

        The error of a slope falls with the length to the power of 1.5.
        """
        distance = max(abs(bound - self.a_day), MIN_DISTANCE * bound)
        return float(hours * (SURE * self.error / distance) ** (2 / 3))


def growth(samples: Sequence[Sample], field: str) -> Growth:
    """Return how a figure grows from rest to rest, by least squares over what is least in that of each hour.

    What comes and goes, such as garbage before a collection, is no growth. The error is that of least
    squares, larger where each hour takes after the one before (a correlation of first order): a figure that
    wanders for hours looks like one that grows.
    """
    least: dict[int, float] = {}
    for sample in samples:
        hour, seen = floor(sample.hour), float(getattr(sample, field))
        least[hour] = min(seen, least.get(hour, seen))
    if len(least) < FEWEST:
        return Growth(0.0, inf)
    hours, figures = [float(hour) for hour in least], list(least.values())
    slope, level = statistics.linear_regression(hours, figures)
    rest = [figure - level - slope * hour for hour, figure in zip(hours, figures, strict=True)]
    squares = sum(each * each for each in rest)
    error = sqrt(squares / (len(rest) - 2) / (statistics.pvariance(hours) * len(rest)))
    repeated = sum(a * b for a, b in pairwise(rest)) / squares if squares else 0.0
    if repeated > 0:
        error *= sqrt((1 + repeated) / (1 - repeated))
    return Growth(24 * slope, 24 * error)


def judge(growths: Mapping[str, Growth], hours: float) -> list[str]:
    """Return what grows by more than its bound, and of what a run of so many hours can't tell."""
    problems = []
    for field, bound in BOUNDS.items():
        growth = growths[field]
        if growth.exceeds(bound):
            problems.append(f"{field} grows by {growth} a day, over {bound:g}")
        elif not growth.is_within(bound):
            longer = growth.hours_to_tell(bound, hours)
            problems.append(
                f"{field}: {growth} a day says neither that it grows by more than {bound:g} nor that it "
                f"doesn't; --hours {longer:.0f} might"
            )
    return problems


def last_two_thirds(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples of the whole hours in the last two thirds of a day.

    What is least in a part of an hour is more than what is least in all of it, and turns the line at its end.
    """
    end = samples[-1].hour if samples else 0.0
    first, last = round(end / 3), floor(end + LATE_H)
    return [sample for sample in samples if first <= sample.hour < last]
