"""Returns the free memory of glibc's malloc to the kernel.

malloc itself returns only the end of its heap. A long list between small blocks that live longer leaves a gap
when it is freed. Within a day the gaps were some 20 MB, half of what was in use. malloc could map each such
block by itself, but then the kernel clears every page of each list again: 0.3 ms for a megabyte.
"""

import asyncio
import ctypes
import os
import time
from collections.abc import Callable

TRIM_SECONDS = 60.0
"""The time between two trims, of some milliseconds each."""

SHARE = 0.001
"""The largest share of the time that trims take. Meanwhile no thread can allocate memory."""


def trimmer() -> Callable[[], object] | None:
    """Return malloc_trim(3); None if there is none, or if the environment says when malloc trims."""
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    if "MALLOC_TRIM_THRESHOLD_" in os.environ or "glibc.malloc.trim_threshold=" in tunables:
        return None
    # Other C libraries have no such function.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return None if trim is None else lambda: trim(0)


async def keep_trimmed(trim: Callable[[], object], seconds: float = TRIM_SECONDS) -> None:
    """Trim every so many seconds, or less often if it takes long, until cancelled."""
    pause = seconds
    while True:
        await asyncio.sleep(pause)
        # Without the interpreter's lock.
        took = await asyncio.to_thread(_timed, trim)
        pause = max(seconds, took / SHARE)


def _timed(trim: Callable[[], object]) -> float:
    """Return the seconds that a trim takes, without the wait for a thread, which blocks nothing."""
    began = time.monotonic()
    trim()
    return time.monotonic() - began
