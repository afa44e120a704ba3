"""One way after another through a node's GPUs, which a GPU that hangs can't stop.

A thread reads one GPU after the other: with a thread for each, Python's lock would cost more than the
reading. When it gets stuck (a GPU whose firmware doesn't answer takes many seconds for each call), it is left
alone with that GPU, and a new thread goes on with the others.
"""

import logging
import queue
import threading
from collections import deque

from lens.agent.gpu.gpu_reader import GpuReader, unread
from lens.agent.gpu.nvml import UNREADABLE
from lens.model.gpu.node_report import Gpu

PATIENCE_SECONDS = 1.0
"""How long a turn may go without an end before another thread takes over what is left of it."""

_log = logging.getLogger("lens.agent.turns")


class Seat:
    """A GPU's place: its reader, whether that is being used, and the latest that it has told."""

    def __init__(self, index: int) -> None:
        """Take the GPU's index."""
        self.reader = GpuReader(index)
        self.busy = False
        self.latest: Gpu | None = None

    def read(self, now: float) -> None:
        """Read the GPU. Whatever goes wrong is its own affair."""
        self.busy = True
        try:
            self.latest = self.reader.read(now)
        except Exception:
            _log.exception("a GPU can't be read", extra={"gpu": self.reader.index})
            self.latest = unread(self.reader.index, UNREADABLE, now, self.reader.identity)
        finally:
            self.busy = False


class Turn:
    """One way through the seats that are free."""

    def __init__(self, seats: list[Seat], now: float) -> None:
        """Take them as of ``now``."""
        self.left = deque(seat for seat in seats if not seat.busy)
        self.over = threading.Event()
        self._now = now

    def go(self) -> None:
        """Read what is left; more than one thread may."""
        while True:
            try:
                seat = self.left.popleft()
            except IndexError:
                self.over.set()
                return
            seat.read(self._now)


class Hand:
    """A thread that takes turns until it is given None."""

    def __init__(self) -> None:
        """Start it."""
        self.turns: queue.SimpleQueue[Turn | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="gpus", daemon=True).start()

    def _run(self) -> None:
        while (turn := self.turns.get()) is not None:
            turn.go()


class Turns:
    """Take turns through all GPUs. To be used by one thread."""

    def __init__(self, gpus: int) -> None:
        """Take how many there are."""
        self.seats = [Seat(index) for index in range(gpus)]
        self._hand = Hand()

    def take(self, now: float) -> None:
        """Read each GPU that isn't hanging; return when all but those have been."""
        turn = Turn(self.seats, now)
        self._hand.turns.put(turn)
        while not turn.over.wait(PATIENCE_SECONDS):
            self._hand.turns.put(None)
            self._hand = Hand()
            if not turn.left:
                return
            self._hand.turns.put(turn)
