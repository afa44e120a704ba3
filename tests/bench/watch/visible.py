"""The time from a write, as the apiserver answered it, until the status API shows it."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import aiohttp

from tests.bench.percentile import percentile
from tests.bench.watch.event_cost import watch
from tests.bench.watch.ground import PODS, ground
from tests.bench.watch.writer import Write, creates, write
from tests.e2e.cluster.api import Api

POLL_S = 0.005
DEADLINE_S = 60


class Lateness(NamedTuple):
    """Milliseconds from the writes' answers until they were seen."""

    p50_ms: float
    p99_ms: float
    max_ms: float


class Visible(NamedTuple):
    """How late the API shows a write and a bare watch has it, and the writes a second, noise included."""

    lens: Lateness
    watch: Lateness
    writes_per_second: float


class _Seen(NamedTuple):
    """An answer: when it was read (monotonic seconds), and the allocated GPUs that it said."""

    at: float
    gpus: int


async def visible(
    api: Api,
    status: str,
    headers: Mapping[str, str],
    noise: Iterator[Write],
    *,
    creates_per_second: float,
    noise_per_second: float,
    seconds: float,
) -> Visible:
    """Create pods of one GPU amid noise, and poll the `status` URL past its cache for each of them.

    Nobody else may change the cluster's GPUs. When the k-th write was answered, at least k were made: it is
    late by the time from then until the first status that shows k more GPUs than before, polling included.
    Beside it a watch of nothing but these pods tells how late the apiserver itself is on this machine.
    Raises TimeoutError if one is not seen within a minute.
    """
    pods = round(creates_per_second * seconds)
    past_cache = {**headers, "Cache-Control": "no-cache"}
    async with (
        ground(api, pods) as own,
        aiohttp.ClientSession(headers=past_cache) as session,
        watch(api, PODS) as stream,
    ):
        before = await _ask(session, status)
        async with asyncio.timeout(seconds + DEADLINE_S), asyncio.TaskGroup() as group:
            watching = group.create_task(_watch(stream, pods))
            polling = group.create_task(_poll(session, status, until=before.gpus + pods))
            amid = group.create_task(write(noise, noise_per_second, seconds))
            written = await write(creates(own), creates_per_second, seconds)
    per_second = len(written.answered) / written.seconds + len(amid.result().answered) / amid.result().seconds
    return Visible(
        _lateness(written.answered, polling.result(), before.gpus),
        _lateness(written.answered, watching.result(), 0),
        per_second,
    )


async def _watch(stream: aiohttp.StreamReader, until: int) -> list[_Seen]:
    """Read a watch of pods until so many have been made; return when each came."""
    seen: list[_Seen] = []
    while len(seen) < until:
        line = await stream.readline()
        if line.startswith(b'{"type":"ADDED"'):
            seen.append(_Seen(time.monotonic(), len(seen) + 1))
        elif not line:
            raise ConnectionError("the watch ended while it was measured")
    return seen


async def _poll(session: aiohttp.ClientSession, status: str, until: int) -> list[_Seen]:
    """Ask until so many GPUs are allocated; return the answers that showed more than those before them."""
    more: list[_Seen] = []
    while not more or more[-1].gpus < until:
        seen = await _ask(session, status)
        if not more or seen.gpus > more[-1].gpus:
            more.append(seen)
        await asyncio.sleep(POLL_S)
    return more


async def _ask(session: aiohttp.ClientSession, status: str) -> _Seen:
    async with session.get(status, raise_for_status=True) as response:
        document = await response.json()
    return _Seen(time.monotonic(), document["data"]["current_gpu_usage"]["allocated_gpus"])


def _lateness(answered: Sequence[float], seen: Sequence[_Seen], before: int) -> Lateness:
    """Return how late the writes were seen; 0 for one that was seen before the writer had its answer."""
    late = []
    answers = iter(seen)
    answer = next(answers)
    for number, at in enumerate(answered, start=1):
        while answer.gpus < before + number:
            answer = next(answers)
        late.append(1000 * max(answer.at - at, 0))
    return Lateness(percentile(late, 0.5), percentile(late, 0.99), max(late))
