"""XID errors, as the driver reports them: a thread that waits for NVML's events.

The driver tells each event once, to who is waiting, so they are known only since the agent started.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import pynvml

from lens.agent.gpu.nvml import Reading, address, error_name
from lens.model.gpu.node_report import MOST_NUMBER, MOST_XIDS, Xid
from lens.model.gpu.xids import COMPANY_SECONDS, classify
from lens.supervisor import CountFailures, start_thread, uncounted

WAIT_MILLISECONDS = 5000
RETRY_SECONDS = 5.0
"""With a lost GPU among those that are waited for, NVML returns at once, every time."""

_log = logging.getLogger("lens.agent.xids")


class Entry(NamedTuple):
    """How often an error came, when first and last, and the GPU instance of the last one."""

    times: int
    first_at: float
    last_at: float
    instance: int | None


class XidLog:
    """The errors of each GPU, by its index. One thread notes, others read."""

    def __init__(self) -> None:
        """Start with nothing noted."""
        self.since: float | None = None
        self.unwatched: dict[int, str] = {}
        self.changes = 0
        self._lock = threading.Lock()
        self._entries: dict[int, OrderedDict[int, Entry]] = {}

    def note(self, gpu: int, number: int, at: float, instance: int | None) -> int:
        """Note an error; return how often it came by now.

        Past MOST_XIDS numbers of one GPU the one that is longest ago is forgotten.
        """
        with self._lock:
            entries = self._entries.setdefault(gpu, OrderedDict())
            before = entries.pop(number, None)
            first, count = (at, 0) if before is None else (before.first_at, before.times)
            entries[number] = Entry(count + 1, first, at, instance)
            if len(entries) > MOST_XIDS:
                entries.popitem(last=False)
            self.changes += 1
            return count + 1

    def of(self, gpu: int) -> tuple[Xid, ...]:
        """Return a GPU's errors, the latest first."""
        with self._lock:
            entries = list(self._entries.get(gpu, {}).items())
        return tuple(_xid(number, entry, entries) for number, entry in reversed(entries))


def _xid(number: int, entry: Entry, entries: Sequence[tuple[int, Entry]]) -> Xid:
    alone = not any(
        other != number and abs(each.last_at - entry.last_at) <= COMPANY_SECONDS for other, each in entries
    )
    severity, meaning = classify(number, alone=alone)
    return Xid(
        xid=number,
        severity=severity,
        meaning=meaning,
        count=entry.times,
        first_at=entry.first_at,
        last_at=entry.last_at,
        instance=entry.instance,
    )


class XidWatch:
    """Wait for the errors of all GPUs, in a thread of its own."""

    def __init__(
        self,
        log: XidLog,
        clock: Callable[[], float] = time.time,
        count_failures: CountFailures = uncounted,
    ) -> None:
        """Take where to note them."""
        self._log = log
        self._clock = clock
        self._indexes: dict[int | None, int] = {}
        self._count_failures = count_failures
        self._stopping = threading.Event()

    def start(self, gpus: int) -> None:
        """Watch the GPUs with indexes below ``gpus``. NVML has to be started."""
        start_thread("xids", partial(self._run, gpus), self._stopping, self._count_failures)

    def stop(self) -> None:
        """Wait no more, once the present wait is over."""
        self._stopping.set()

    def _run(self, gpus: int) -> None:
        events = None
        # After a failure all are registered anew, with a new set of events.
        self._indexes.clear()
        while not self._stopping.is_set():
            if events is None:
                events = Reading().get("events", pynvml.nvmlEventSetCreate)
            # One that can't be watched now, since it is lost, may be back later.
            for index in set(range(gpus)) - set(self._indexes.values()):
                self._register(events, index)
            if self._log.since is None:
                self._log.since = self._clock()
                self._log.changes += 1
            if self._indexes:
                self._wait(events)
            else:
                self._stopping.wait(RETRY_SECONDS)

    def _register(self, events: Any, index: int) -> None:
        reading = Reading()
        handle = reading.get("xids", pynvml.nvmlDeviceGetHandleByIndex, index)
        if handle is not None:
            xid_errors = pynvml.nvmlEventTypeXidCriticalError
            reading.get("xids", pynvml.nvmlDeviceRegisterEvents, handle, xid_errors, events)
        if reading.reasons:
            self._log.unwatched[index] = reading.reasons["xids"]
        else:
            self._indexes[address(handle)] = index
            self._log.unwatched.pop(index, None)

    def _wait(self, events: Any) -> None:
        try:
            event = pynvml.nvmlEventSetWait_v2(events, WAIT_MILLISECONDS)
        except pynvml.NVMLError as error:
            if error.value != pynvml.NVML_ERROR_TIMEOUT:
                _log.debug("waiting for XIDs failed", extra={"reason": error_name(error.value)})
                self._stopping.wait(RETRY_SECONDS)
            return
        gpu = self._indexes.get(address(event.device))
        if gpu is None:
            return
        instance = None if event.gpuInstanceId == 0xFFFFFFFF else int(event.gpuInstanceId)
        number = int(event.eventData)
        if number > MOST_NUMBER:
            return
        count = self._log.note(gpu, number, self._clock(), instance)
        severity, meaning = classify(number, alone=False)
        # A program that goes on failing would fill the log.
        _log.log(
            logging.WARNING if count == 1 else logging.DEBUG,
            "XID error",
            extra={"gpu": gpu, "xid": number, "severity": severity, "meaning": meaning},
        )
