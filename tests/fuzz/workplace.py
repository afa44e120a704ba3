"""What targets work with: a folder for files, a loop for coroutines. Both go with the process."""

import asyncio
import atexit
import functools
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_folder = tempfile.TemporaryDirectory(prefix="lens-fuzz-")
atexit.register(_folder.cleanup)

FOLDER = Path(_folder.name)


def finished(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; return what comes of it."""
    return _loop().run_until_complete(work)


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the process's own loop: made late, since processes are forked after this is imported."""
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop
