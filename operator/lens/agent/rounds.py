"""Read a node's GPUs in rounds, which a hanging GPU can't block.

One thread reads the GPUs one after another: with a thread for each, Python's lock would cost more than the
NVML calls. If the thread gets stuck (a GPU whose firmware doesn't answer takes many seconds for each call), a
new thread continues with the other GPUs.
"""

import logging
import queue
import threading
from collections import deque

from lens.agent.gpu.gpu_reader import GpuReader, unreadable_gpu
from lens.agent.gpu.nvml import UNREADABLE
from lens.model.gpu.node_report import Gpu

ROUND_TIMEOUT_SECONDS = 1.0
"""The seconds after which a new thread takes over the pending GPUs of a round."""

_log = logging.getLogger("lens.agent.rounds")


class GpuSlot:
    """One GPU: its reader, whether a thread is in it and since which round, and its latest values."""

    def __init__(self, index: int) -> None:
        """Start without values of the GPU with this index."""
        self.reader = GpuReader(index)
        self.busy = False
        self.since: float | None = None
        self.latest: Gpu | None = None

    def read(self, now: float) -> None:
        """Read the GPU. An unexpected error affects only this GPU."""
        self.busy, self.since = True, now
        try:
            self.latest = self.reader.read(now)
        except Exception:
            _log.exception("a GPU can't be read", extra={"gpu": self.reader.index})
            self.latest = unreadable_gpu(self.reader.index, UNREADABLE, now, self.reader.identity)
        finally:
            self.busy = False


class Round:
    """One round over the slots that are not busy."""

    def __init__(self, slots: list[GpuSlot], now: float) -> None:
        """Read the GPUs of these slots as of ``now``."""
        self.pending = deque(slot for slot in slots if not slot.busy)
        self.done = threading.Event()
        self._now = now

    def run(self) -> None:
        """Read the pending GPUs. Several threads may call this at once."""
        while True:
            try:
                slot = self.pending.popleft()
            except IndexError:
                self.done.set()
                return
            slot.read(self._now)


class Worker:
    """A thread that runs rounds from its queue until it gets None."""

    def __init__(self) -> None:
        """Start the thread."""
        self.rounds: queue.SimpleQueue[Round | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="gpus", daemon=True).start()

    def _run(self) -> None:
        while (round_ := self.rounds.get()) is not None:
            round_.run()


class RoundRunner:
    """Run rounds over all GPUs. Not thread-safe."""

    def __init__(self, gpus: int) -> None:
        """Create the slots of this many GPUs, and start a worker."""
        self.slots = [GpuSlot(index) for index in range(gpus)]
        self._worker = Worker()

    def run_round(self, now: float) -> None:
        """Read each GPU that isn't hanging, and return once all of those are read."""
        round_ = Round(self.slots, now)
        self._worker.rounds.put(round_)
        while not round_.done.wait(ROUND_TIMEOUT_SECONDS):
            self._worker.rounds.put(None)
            self._worker = Worker()
            if not round_.pending:
                return
            self._worker.rounds.put(round_)
