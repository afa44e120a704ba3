"""Lines out of chunks, in time that grows with the bytes and not with their square."""

from collections.abc import Iterator

LONGEST_LINE = 32 * 1024 * 1024
"""Bytes; etcd's default limit for an object is 1.5 MiB."""


class LineTooLongError(Exception):
    """A line is longer than any object can be."""


class LineSplitter:
    """Collect chunks, give back whole lines. What has no newline yet stays, and is lost with the stream."""

    def __init__(self) -> None:
        """Start at the start of a line."""
        self._parts: list[bytes] = []
        self._length = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Go through the non-empty lines that ``chunk`` completes. Raise LineTooLongError."""
        *whole, tail = chunk.split(b"\n")
        for end in whole:
            line = b"".join((*self._parts, end)) if self._parts else end
            self._parts.clear()
            self._length = 0
            if line:
                yield line
        if tail:
            self._parts.append(tail)
            self._length += len(tail)
            if self._length > LONGEST_LINE:
                raise LineTooLongError(f"{self._length} bytes without a newline")
