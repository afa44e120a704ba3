"""What the operator sets for its whole process, in one of its own."""

import os
import subprocess
import sys

import pytest

HEAPS = """
import ctypes, sys, threading
from lens.cli.process import configure_operator

configure_operator()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(8)

def allocate():
    together.wait()
    libc.malloc(100_000)
    together.wait()

threads = [threading.Thread(target=allocate) for _ in range(8)]
for each in threads:
    each.start()
for each in threads:
    each.join()
told = ctypes.c_void_p(libc.fopen(b"/dev/stdout", b"w"))
libc.malloc_info(0, told)
libc.fclose(told)
"""


@pytest.mark.parametrize(("asked", "most"), [(None, 2), ("7", 8)])
def test_threads_share_the_heap_unless_the_environment_says_otherwise(asked: str | None, most: int) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    if asked is not None:
        environment["MALLOC_ARENA_MAX"] = asked
    told = subprocess.run(
        [sys.executable, "-c", HEAPS], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    heaps = told.stdout.count("<heap nr=")
    assert 1 <= heaps <= most
    assert asked is None or heaps > 2
