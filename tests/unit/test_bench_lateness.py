"""The lateness of a stream's pods, as `make size` measures it: one that never comes isn't left out."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.bench.size.lateness import lateness_ms

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
SNAPSHOT = b'event: snapshot\ndata: {"tasks": []}\n\n'


def began(*changes: int) -> bytes:
    """Return the event of pods that began with these changes."""
    rows = b",".join(
        b'{"pod_uid":"%08d-0000-4000-a000-%012d","pod_name":"p"}' % (each, each) for each in changes
    )
    return b'event: change\ndata: {"tasks":{"changed":[%b]}}\n\n' % rows


@contextmanager
def stream(*events: bytes, ends: bool) -> Iterator[str]:
    """Serve one stream with these events; yield its address."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as connection:
                connection.recv(4096)
                connection.sendall(HEAD + SNAPSHOT)
                for each in events:
                    time.sleep(0.01)
                    connection.sendall(each)
                if not ends:
                    over.wait()

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/stream?include=tasks"
        finally:
            over.set()
            serving.join()


def test_each_pod_has_its_lateness() -> None:
    with stream(began(7), began(8, 9), ends=False) as url, lateness_ms(url) as lateness_of:
        late = lateness_of(dict.fromkeys((7, 8, 9), time.time_ns() - 10**9))
    assert len(late) == 3
    assert all(900 < each < 60_000 for each in late)


@pytest.mark.parametrize(
    ("ends", "within_s", "how"), [(False, 0.3, "in 0.3 s"), (True, 60.0, "before it ended")]
)
def test_a_pod_that_the_stream_never_sends_fails_the_measurement(
    within_s: float, how: str, *, ends: bool
) -> None:
    with (
        stream(began(7, 9), ends=ends) as url,
        lateness_ms(url, within_s) as lateness_of,
        pytest.raises(AssertionError, match=rf"lacks \d of 3 pods {how}: those of changes .*8"),
    ):
        lateness_of(dict.fromkeys((7, 8, 9), 0))
