"""Writes log lines to stderr in a thread, within bounds: logging never blocks.

A thread writes them. The reader of stderr may stop reading; then lines wait, and beyond a bound they are
dropped and counted. So are those that can't be written, as on a full disk.
"""

import contextlib
import logging
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from itertools import accumulate

from lens.bounds import (
    LOG_LINE_BYTES,
    LOG_QUEUE_BYTES,
    LOG_REPEATS,
    LOG_REPEATS_OF_REQUESTS,
    LOG_TEMPLATES,
    LOG_WINDOW_SECONDS,
)

FULL, REPEATED, FAILED = "full", "repeated", "failed"

HELP = (
    "Log lines that were not written, by reason: nobody read stderr, it could not be written to, or there "
    "were too many alike."
)

REQUESTS = "lens.access"
"""The logger whose lines are all alike, one for each request."""

_FLUSH_SECONDS = 2.0
_OTHERS = ""

dropped: Counter[str] = Counter({FULL: 0, REPEATED: 0, FAILED: 0})
"""How many lines of this process were not written, by reason."""


class Repeats(logging.Filter):
    """Limit the lines of a kind in a window of time. The next line says how many were dropped.

    Of a kind are lines of one logger with one message before its arguments: what they name makes no
    difference.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start the first window."""
        super().__init__()
        self._clock = clock
        self._since = clock()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._held: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a line. Threads may disagree by a line."""
        now = self._clock()
        if now - self._since > LOG_WINDOW_SECONDS:
            self._since, self._seen = now, Counter()
        kind = (record.name, str(record.msg)[:256])
        if kind not in self._seen and len(self._seen) >= LOG_TEMPLATES:
            kind = (_OTHERS, _OTHERS)
        self._seen[kind] += 1
        if self._seen[kind] > (LOG_REPEATS_OF_REQUESTS if record.name == REQUESTS else LOG_REPEATS):
            dropped[REPEATED] += 1
            if kind in self._held or len(self._held) < LOG_TEMPLATES:
                self._held[kind] += 1
            return False
        if held := self._held.pop(kind, 0):
            record.more_alike = held
        return True


class QueuedHandler(logging.Handler):
    """Queues lines for a thread that writes them to a file descriptor."""

    def __init__(self, descriptor: int, most: int = LOG_QUEUE_BYTES) -> None:
        """Take where to write, and how many bytes may wait."""
        super().__init__()
        self._descriptor = descriptor
        self._most = most
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._dropped = 0
        self._writing = False
        self._is_torn = False
        self._changed = threading.Condition(threading.Lock())
        threading.Thread(target=self._write_on, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line, or drop it."""
        try:
            line = self.format(record).encode("utf-8", "backslashreplace")
        except Exception:
            # What can't be formatted must not raise where it was logged.
            dropped[FAILED] += 1
            return
        if len(line) > LOG_LINE_BYTES:
            line = line[:LOG_LINE_BYTES] + b"..."
        with self._changed:
            if self._bytes + len(line) > self._most:
                dropped[FULL] += 1
                self._dropped += 1
                return
            self._bytes += len(line)
            self._lines.append(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all is written, but not for long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lines and not self._writing, _FLUSH_SECONDS)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._lines))
                lines = []
                taken = 0
                while self._lines and taken < LOG_LINE_BYTES:
                    lines.append(self._lines.popleft())
                    taken += len(lines[-1])
                self._writing = True
            if lost := self._lost():
                lines.append(self._dropped_line(lost))
            unwritten = self._write(lines)
            if unwritten and lost:
                unwritten -= 1
            dropped[FAILED] += unwritten
            with self._changed:
                self._dropped += unwritten + (lost if unwritten else 0)
                self._bytes -= taken
                self._writing = False
                self._changed.notify_all()

    def _write(self, lines: list[bytes]) -> int:
        """Write lines; return how many of the last ones aren't whole, as on a full disk."""
        whole = [line + b"\n" for line in lines]
        if self._is_torn:
            whole[0] = b"\n" + whole[0]
        text, written = b"".join(whole), 0
        with contextlib.suppress(OSError):
            while written < len(text):
                written += os.write(self._descriptor, text[written:])
        if written:
            self._is_torn = text[written - 1 : written] != b"\n"
        return sum(end > written for end in accumulate(map(len, whole)))

    def _lost(self) -> int:
        """Return how many lines were dropped since the last such line."""
        with self._changed:
            count, self._dropped = self._dropped, 0
        return count

    def _dropped_line(self, count: int) -> bytes:
        """Return the line that says how many were dropped."""
        record = logging.makeLogRecord(
            {
                "name": "lens.log",
                "levelno": logging.WARNING,
                "levelname": "WARNING",
                "msg": "lines of the log were dropped, as nobody read them or they could not be written",
                "count": count,
            }
        )
        return self.format(record).encode()
