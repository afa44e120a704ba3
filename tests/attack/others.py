"""The others: what honest clients meet with while somebody attacks."""

import json
import math
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO, NamedTuple, Self

from tests.attack.subject import prefer

SOURCE = "127.0.0.2"
"""Their address; attackers have another one."""

PER_SECOND = 100.0
P99_BOUND_MS = 50.0
WELL = 20
"""So many good answers in a row, and all is as before."""


class Answer(NamedTuple):
    """One answer: when it was due, how long it took in milliseconds, and its status."""

    due: float
    ms: float
    status: int

    @property
    def is_good(self) -> bool:
        """Tell whether it is an answer, and in time."""
        return self.status == 200 and self.ms <= P99_BOUND_MS


class Others:
    """Honest clients at work from the beginning of the context to its end."""

    def __init__(self, port: int, requests: Sequence[str], per_second: float = PER_SECOND) -> None:
        """Ask for `requests`, whole ones as they go over the wire, each by a client of its own."""
        self._answers: list[Answer] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.attack.honest"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        prefer(self._process.pid)
        assert self._process.stdin
        assert self._process.stdout
        target = {"host": "127.0.0.1", "port": port, "source": SOURCE, "per_second": per_second}
        self._process.stdin.write(json.dumps({**target, "requests": list(requests)}) + "\n")
        self._process.stdin.flush()
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def within(self, since: float, until: float = math.inf) -> list[Answer]:
        """Return the answers that were due between two moments."""
        return [each for each in self._answers if since <= each.due <= until]

    def began(self, deadline_s: float) -> float:
        """Wait for the first answers, as the clients have to start; return the moment."""
        deadline = time.monotonic() + deadline_s
        while len(self._answers) < WELL and time.monotonic() < deadline:
            time.sleep(0.02)
        return time.monotonic()

    def recovery(self, since: float, deadline_s: float) -> float | None:
        """Wait until all is well again; return the seconds after `since`, or None past the deadline."""
        while True:
            row = 0
            for each in sorted(self.within(since)):
                row = row + 1 if each.is_good else 0
                if row == 1:
                    first = each.due
                if row == WELL:
                    return first - since
            if time.monotonic() > since + deadline_s:
                return None
            time.sleep(0.05)

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            due, seconds, status = line.split()
            self._answers.append(Answer(float(due), 1000 * float(seconds), int(status)))


def p99_ms(answers: Sequence[Answer]) -> float:
    """Return the nearest-rank percentile; infinite where nobody has had an answer."""
    ordered = sorted(each.ms for each in answers)
    return ordered[math.ceil(0.99 * len(ordered)) - 1] if ordered else math.inf
