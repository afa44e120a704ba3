"""How late a stream tells of the pods that begin on a computed cluster."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_CHANGE = re.compile(rb'"pod_uid":"\d{8}-0000-4000-a000-(\d{12})","pod_name"')
"""The uid of a pod that began, with the change's number. Of one that is gone the name comes first."""

_READ_BYTES = 1 << 16
_SEAM_BYTES = 256
_DEADLINE_S = 60.0

_WITHIN_S = 20.0
_POLL_S = 0.02
_MAX_NAMED = 5

Lateness = Callable[[Mapping[int, int]], list[float]]
"""Takes when each pod began, in ns of the epoch, by the number of its change; returns the lateness in ms.

Raises AssertionError for pods that the stream hasn't sent in time.
"""


class _Reader:
    """Reads a stream in a thread, with the time of each change in nanoseconds of the epoch."""

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

    @property
    def reads(self) -> bool:
        """Tell whether the stream hasn't ended."""
        return self._thread.is_alive()

    def close(self) -> None:
        with suppress(OSError):  # it may have ended
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
def lateness_ms(url: str, within_s: float = _WITHIN_S) -> Iterator[Lateness]:
    """Open a stream of tasks, read its snapshot, and yield a function that returns how late changes were.

    The function waits up to ``within_s`` for changes that the stream hasn't sent yet.
    """
    reader = _Reader(url)

    def lateness_of(begun: Mapping[int, int]) -> list[float]:
        deadline = time.monotonic() + within_s
        while not reader.seen.keys() >= begun.keys() and reader.reads and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        missing = sorted(begun.keys() - reader.seen.keys())
        named = ", ".join(map(str, missing[:_MAX_NAMED]))
        how = f"in {within_s:g} s" if reader.reads else "before it ended"
        assert not missing, (
            f"the stream lacks {len(missing)} of {len(begun)} pods {how}: those of changes {named}"
        )
        return [(reader.seen[change] - at) / 1e6 for change, at in begun.items()]

    try:
        assert reader.begun.wait(_DEADLINE_S), "the stream has no snapshot"
        yield lateness_of
    finally:
        reader.close()
