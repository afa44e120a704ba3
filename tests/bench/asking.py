"""Requests to a Lens, one after another on one connection, with the time that each of them takes."""

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

PAUSE_S = 0.01
PAST_CACHE: Mapping[str, str] = {"Cache-Control": "no-cache"}


class Asker:
    """A caller with a connection of its own."""

    def __init__(self, port: int, headers: Mapping[str, str] = PAST_CACHE) -> None:
        """Take the port of a Lens on this machine, and what each request has, such as a token."""
        self._headers = dict(headers)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def timed(self, path: str, manifest: Any = None) -> tuple[float, Any]:
        """Ask, by a POST if there is a manifest; return milliseconds and the answer's data."""
        body = None if manifest is None else json.dumps(manifest)
        began = time.perf_counter()
        self._connection.request("GET" if body is None else "POST", path, body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        took = 1000 * (time.perf_counter() - began)
        if response.status != http.client.OK:
            raise RuntimeError(f"{path}: {response.status} {answer[:200]!r}")
        return took, json.loads(answer)["data"]


@contextmanager
def asking_meanwhile(
    port: int, path: str, took: list[float], headers: Mapping[str, str] = PAST_CACHE
) -> Iterator[None]:
    """Ask for the same again and again, and note how many milliseconds each answer took."""
    enough = threading.Event()

    def ask() -> None:
        asker = Asker(port, headers)
        while not enough.is_set():
            took.append(asker.timed(path)[0])
            time.sleep(PAUSE_S)
        asker.close()

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield
    finally:
        enough.set()
        asking.join()
