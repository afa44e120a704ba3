"""Settings of the whole process, which a command sets, since a library must not."""

import contextlib
import ctypes
import os
import resource
import sys

SWITCH_SECONDS = 0.0001

_M_ARENA_MAX = -8
"""The parameter of mallopt(3), as glibc's malloc.h has it."""


def configure_operator() -> None:
    """Give the operator short turns of threads, one heap, and as many open files as the system allows."""
    # The watch's thread and the API's take turns, and each turn of the watch's loop waits for the API's.
    sys.setswitchinterval(SWITCH_SECONDS)
    _share_heap()
    # Streams and agents' connections stay open; the default limit is too low for many of them.
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))


def _share_heap() -> None:
    """Have glibc keep one heap, if the environment doesn't say how many.

    By default nearly each thread gets one, and what is free in one is of no use to the others. Threads that
    take turns don't wait for it.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        # Other C libraries have no such parameter.
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
