"""What Lens' process has at a moment, and how that grows."""

import os
import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from tests.attack import wire

_SAMPLE = re.compile(r"^(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)

BOUNDS: Mapping[str, float] = {"rss_mb": 1.0, "descriptors": 5.0, "threads": 1.0, "tasks": 5.0}
"""By how much each may grow a day."""


class NoSampleError(Exception):
    """The process has no metrics to show: it gives no answer, or has ended."""


class Sample(NamedTuple):
    """A moment of a run: the simulated hour, and what there was.

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


def slope_a_day(samples: Sequence[Sample], field: str) -> float:
    """Return by how much a figure grows a day, by least squares over what is least in each hour.

    What comes and goes within an hour, such as garbage before a collection, is no growth.
    """
    least: dict[int, float] = {}
    for sample in samples:
        value = float(getattr(sample, field))
        hour = int(sample.hour)
        least[hour] = min(value, least.get(hour, value))
    if len(least) < 2:
        return 0.0
    return 24 * statistics.linear_regression(list(least), list(least.values())).slope


def last_two_thirds(samples: Sequence[Sample]) -> Sequence[Sample]:
    """Return the samples of the last two thirds of a day."""
    return [sample for sample in samples if sample.hour >= samples[-1].hour / 3]
