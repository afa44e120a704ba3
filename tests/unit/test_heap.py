"""What malloc has free is given back, in a process of its own, unless who started it says otherwise."""

import asyncio
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from lens.heap import SHARE, keep_trimmed

GAPS = """
import asyncio, time
from lens.heap import keep_trimmed, trimmer

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 1e6

async def main():
    # Between blocks that stay, so that the end of the heap is taken.
    blocks = [b"x" * size for _ in range(500) for size in (100_000, 1_000)]
    full = resident()
    blocks = blocks[1::2]
    print(round(full - resident()))
    trim = trimmer()
    if trim is None:
        print("none")
        return
    trimming = asyncio.create_task(keep_trimmed(trim, 0.05))
    deadline = time.monotonic() + 30
    while full - resident() < 40 and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    print(round(full - resident()))
    trimming.cancel()

asyncio.run(main())
"""

NO_TRIM = """
import ctypes
from lens.heap import trimmer
ctypes.CDLL = lambda name: object()
print(trimmer())
"""


def run(script: str, **variables: str) -> list[str]:
    chosen = ("MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    told = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**environment, **variables},
    )
    return told.stdout.split()


def test_gaps_are_given_back() -> None:
    before, after = map(int, run(GAPS))
    assert before < 10
    assert after >= 40


@pytest.mark.parametrize(
    "variables",
    [
        {"MALLOC_TRIM_THRESHOLD_": "1000000"},
        {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=5:glibc.malloc.trim_threshold=1000000"},
    ],
)
def test_who_chose_when_to_trim_is_left_alone(variables: dict[str, str]) -> None:
    assert run(GAPS, **variables)[-1] == "none"


def test_a_c_library_without_trimming_is_left_alone() -> None:
    assert run(NO_TRIM) == ["None"]


async def test_trims_that_take_long_are_rare() -> None:
    took = 0.01
    times: list[float] = []

    def trim() -> None:
        times.append(time.monotonic())
        time.sleep(took)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(keep_trimmed(trim, 0.001), 0.05 * took / SHARE)
    assert len(times) == 1


async def test_waiting_for_a_thread_is_no_trim_that_takes_long() -> None:
    loop, times, trimmed = asyncio.get_running_loop(), count(1), asyncio.Event()

    def trim() -> None:
        if next(times) == 2:
            loop.call_soon_threadsafe(trimmed.set)

    loop.set_default_executor(ThreadPoolExecutor(1))
    busy = asyncio.create_task(asyncio.to_thread(time.sleep, 0.5))
    trimming = asyncio.create_task(keep_trimmed(trim, 0.01))
    async with asyncio.timeout(30):
        await trimmed.wait()
    trimming.cancel()
    await busy
