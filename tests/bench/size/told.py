"""How late a stream tells of the pods that begin on a computed cluster."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

_CHANGE = re.compile(rb'"pod_uid":"\d{8}-0000-4000-a000-(\d{12})","pod_name"')
"""The uid of a pod that began, with the change's number. Of one that is gone the name comes first."""

_READ_BYTES = 1 << 16
_SEAM_BYTES = 256
_DEADLINE_S = 60.0

Told = Callable[[int, Sequence[int]], list[float]]
"""Takes the first change's number and when each was made, in ns of the epoch; returns the lateness in ms."""


class _Reader:
    """Reads a stream in a thread: when it told of each change, in nanoseconds of the epoch."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.seen: dict[int, int] = {}
        self.begun = threading.Event()
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=_DEADLINE_S)
        self._socket.sendall(
            f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _read(self) -> None:
        seam = b""
        while data := self._socket.recv(_READ_BYTES):
            now, data = time.time_ns(), seam + data
            if not self.begun.is_set():
                if b"\n\n" in data.partition(b"event: snapshot")[2] or (seam and b"}\n\n" in data):
                    self.begun.set()
            else:
                for change in _CHANGE.findall(data):
                    self.seen.setdefault(int(change), now)
            seam = data[-_SEAM_BYTES:]


@contextmanager
def lateness_ms(url: str) -> Iterator[Told]:
    """Open a stream of tasks, read it to the end of its snapshot, and give what says how late it was then."""
    reader = _Reader(url)

    def told(first: int, made_at: Sequence[int]) -> list[float]:
        begun = [change for change in range(first, first + len(made_at)) if change in reader.seen]
        return [(reader.seen[change] - made_at[change - first]) / 1e6 for change in begun]

    try:
        assert reader.begun.wait(_DEADLINE_S), "the stream has no snapshot"
        yield told
    finally:
        reader.close()
