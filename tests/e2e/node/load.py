"""Callers who never stop asking, each time on a connection of its own."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from tests.e2e.node.commands import eventually

CALLERS = 4
PAUSE_S = 0.02  # so that the callers leave room for what they call

Ask = Callable[[], requests.Response]


class Load:
    """What was answered so far: how often each status, or each kind of failure."""

    def __init__(self, ask: Ask) -> None:
        self.outcomes: Counter[str] = Counter()
        self._ask = ask
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    @property
    def asked(self) -> int:
        """How many requests have been answered, or have failed."""
        return self.outcomes.total()

    def wait_for(self, requests: int) -> None:
        """Wait until so many more have been asked."""
        goal = self.asked + requests
        eventually(lambda: self.asked >= goal, f"{requests} more requests")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask, from several threads."""
        threads = [threading.Thread(target=self._run) for _ in range(CALLERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in threads:
                thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(PAUSE_S):
            try:
                outcome = str(self._ask().status_code)
            except requests.RequestException as error:
                outcome = repr(error)[:200]
            with self._lock:
                self.outcomes[outcome] += 1
