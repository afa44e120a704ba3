"""Wait for XID errors in a thread and count them.

The driver delivers each NVML event once, to a process that waits for it, so the count starts with the agent.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import pynvml

from lens.agent.gpu.nvml import FUNCTION_NOT_FOUND, TIMEOUT, NvmlQuery, handle_address
from lens.concurrency.supervisor import CountFailures, start_thread, uncounted
from lens.model.gpu.node_report import MAX_NUMBER, MAX_XIDS, Xid
from lens.model.gpu.xids import NEARBY_SECONDS, classify

WAIT_MILLISECONDS = 5000
RETRY_SECONDS = 5.0
"""With a lost GPU in the event set, nvmlEventSetWait returns at once every time."""

_log = logging.getLogger("lens.agent.xids")


class XidCount(NamedTuple):
    """How often and when an XID error occurred, and the GPU instance of the last one."""

    times: int
    first_at: float
    last_at: float
    instance: int | None


class XidLog:
    """The XID errors by GPU index. One thread records them, others read them."""

    def __init__(self) -> None:
        """Start without errors."""
        self.since: float | None = None
        self.unwatched: dict[int, str] = {}
        self.changes = 0
        self._lock = threading.Lock()
        self._entries: dict[int, OrderedDict[int, XidCount]] = {}

    def record(self, gpu: int, number: int, at: float, instance: int | None) -> int:
        """Record an error, and return how often it has occurred.

        Beyond MAX_XIDS different XIDs of one GPU, the least recent one is dropped.
        """
        with self._lock:
            entries = self._entries.setdefault(gpu, OrderedDict())
            before = entries.pop(number, None)
            first, count = (at, 0) if before is None else (before.first_at, before.times)
            entries[number] = XidCount(count + 1, first, at, instance)
            if len(entries) > MAX_XIDS:
                entries.popitem(last=False)
            self.changes += 1
            return count + 1

    def gpu_xids(self, gpu: int) -> tuple[Xid, ...]:
        """Return a GPU's errors, the most recent first."""
        with self._lock:
            entries = list(self._entries.get(gpu, {}).items())
        return tuple(_xid(number, entry, entries) for number, entry in reversed(entries))


def _xid(number: int, entry: XidCount, entries: Sequence[tuple[int, XidCount]]) -> Xid:
    alone = not any(
        other != number and abs(each.last_at - entry.last_at) <= NEARBY_SECONDS for other, each in entries
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
    """Wait for the XID errors of all GPUs in a thread of its own."""

    def __init__(
        self,
        log: XidLog,
        clock: Callable[[], float] = time.time,
        count_failures: CountFailures = uncounted,
    ) -> None:
        """Record errors in ``log``."""
        self._log = log
        self._clock = clock
        self._indexes: dict[int | None, int] = {}
        self._unwatchable: str | None = None
        self._count_failures = count_failures
        self._stopping = threading.Event()

    def start(self, gpus: int) -> None:
        """Watch the GPUs with indexes below ``gpus``. NVML must be initialized."""
        start_thread("xids", partial(self._run, gpus), self._stopping, self._count_failures)

    def stop(self) -> None:
        """Stop once the current wait is over."""
        self._stopping.set()

    def _run(self, gpus: int) -> None:
        events = None
        # After a failure, all GPUs are registered again with a new event set.
        self._indexes.clear()
        while not self._stopping.is_set():
            if events is None:
                events = self._create_event_set()
            # A GPU that can't be registered now, such as a lost one, may recover later.
            for index in set(range(gpus)) - set(self._indexes.values()):
                self._register(events, index)
            if self._log.since is None:
                self._log.since = self._clock()
                self._log.changes += 1
            if self._indexes:
                self._wait(events)
            else:
                self._stopping.wait(RETRY_SECONDS)

    def _create_event_set(self) -> Any:
        query = NvmlQuery()
        events = query.get("xids", pynvml.nvmlEventSetCreate)
        self._unwatchable = query.reasons.get("xids")
        return events

    def _register(self, events: Any, index: int) -> None:
        if self._unwatchable is not None:
            self._log.unwatched[index] = self._unwatchable
            return
        query = NvmlQuery()
        handle = query.get("xids", pynvml.nvmlDeviceGetHandleByIndex, index)
        if handle is not None:
            xid_errors = pynvml.nvmlEventTypeXidCriticalError
            query.get("xids", pynvml.nvmlDeviceRegisterEvents, handle, xid_errors, events)
        if query.reasons:
            self._log.unwatched[index] = query.reasons["xids"]
        else:
            self._indexes[handle_address(handle)] = index
            self._log.unwatched.pop(index, None)

    def _wait(self, events: Any) -> None:
        query = NvmlQuery()
        event = query.get("xids", pynvml.nvmlEventSetWait_v2, events, WAIT_MILLISECONDS)
        if event is None:
            reason = query.reasons["xids"]
            if reason == FUNCTION_NOT_FOUND:
                # No XID will ever come: they are unknown, and not none.
                self._unwatchable = reason
                self._log.unwatched |= dict.fromkeys(self._indexes.values(), reason)
                self._log.changes += 1
                self._indexes.clear()
            elif reason != TIMEOUT:
                _log.debug("waiting for XIDs failed", extra={"reason": reason})
                self._stopping.wait(RETRY_SECONDS)
            return
        gpu = self._indexes.get(handle_address(event.device))
        if gpu is None:
            return
        instance = None if event.gpuInstanceId == 0xFFFFFFFF else int(event.gpuInstanceId)
        number = int(event.eventData)
        if number > MAX_NUMBER:
            return
        count = self._log.record(gpu, number, self._clock(), instance)
        severity, meaning = classify(number, alone=False)
        # A program that keeps failing would flood the log.
        _log.log(
            logging.WARNING if count == 1 else logging.DEBUG,
            "XID error",
            extra={"gpu": gpu, "xid": number, "severity": severity, "meaning": meaning},
        )
