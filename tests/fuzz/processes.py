"""A process for each piece of work, since libFuzzer ends its own; what it prints is read at the end."""

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple

PLAIN = multiprocessing.get_context("fork")
"""Where the code is as it is, to measure time."""

INSTRUMENTED = multiprocessing.get_context("forkserver")
"""Where it is instrumented, for libFuzzer: once, since it takes seconds. Others are forked from there."""
INSTRUMENTED.set_forkserver_preload(["tests.fuzz.worker"])

Context = multiprocessing.context.ForkContext | multiprocessing.context.ForkServerContext


class Ended(NamedTuple):
    """What a process printed, and its exit status: None if it had to be killed."""

    lines: list[str]
    status: int | None


def run(context: Context, limit_s: float, work: Callable[..., object], *arguments: object) -> Ended:
    """Do work in a process of its own, at most so long."""
    with tempfile.TemporaryFile() as output:
        descriptor = os.dup(output.fileno())
        path = f"/proc/{os.getpid()}/fd/{descriptor}"
        process = context.Process(target=_printing, args=(path, work, *arguments))
        try:
            process.start()
            process.join(limit_s)
            status = process.exitcode
            if status is None:
                process.kill()
                process.join()
        finally:
            os.close(descriptor)
        output.seek(0)
        return Ended(output.read().decode(errors="replace").splitlines(), status)


def _printing(path: str, work: Callable[..., object], *arguments: object) -> None:
    """Do work with what it prints, libFuzzer's words too, going to a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(descriptor, stream.fileno())
    os.close(descriptor)
    work(*arguments)
    sys.stdout.flush()
