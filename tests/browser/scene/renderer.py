"""What a tab costs: its process's memory, and the tasks that hold its main thread."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, Page

MB = 1_000_000
TASK = "ThreadControllerImpl::RunTask"
LONG_MS = 50.0


class Task(NamedTuple):
    """A task of the main thread: milliseconds by the clock, and of the processor."""

    wall_ms: float
    cpu_ms: float


class Renderer:
    """The process that draws a page; it has to be the only one that works."""

    def __init__(self, browser: Browser, page: Page) -> None:
        """Find it: of all renderers the one that a long computation keeps busy."""
        self._browser = browser
        self._page = page
        self._session = page.context.new_cdp_session(page)
        processes = browser.new_browser_cdp_session()

        def times() -> dict[int, float]:
            found = processes.send("SystemInfo.getProcessInfo")["processInfo"]
            return {each["id"]: each["cpuTime"] for each in found if each["type"] == "renderer"}

        before = times()
        page.evaluate("() => { let sum = 0; for (let i = 0; i < 3e8; i++) sum += i % 7; return sum; }")
        after = times()
        self.pid = max(after, key=lambda pid: after[pid] - before.get(pid, 0.0))

    def memory_mb(self) -> float:
        """Return its private memory after a collection, as Chromium's task manager tells it."""
        self._session.send("HeapProfiler.collectGarbage")
        lines = (line.split() for line in Path(f"/proc/{self.pid}/status").read_text().splitlines())
        sizes = {words[0]: int(words[1]) for words in lines if words[-1] == "kB"}
        return (sizes["RssAnon:"] + sizes["VmSwap:"]) * 1024 / MB

    def heap_mb(self) -> float:
        """Return what JavaScript's objects take after a collection."""
        self._session.send("HeapProfiler.collectGarbage")
        return float(self._session.send("Runtime.getHeapUsage")["usedSize"]) / MB

    @contextmanager
    def tasks(self, found: list[Task]) -> Iterator[None]:
        """Add the tasks of the main thread while the block runs.

        The time of the processor is what the page itself takes, however busy the machine is with others.
        """
        self._browser.start_tracing(page=self._page, categories=["toplevel"])
        try:
            yield
        finally:
            events = json.loads(self._browser.stop_tracing())["traceEvents"]
        main = {
            (each["pid"], each["tid"])
            for each in events
            if each["name"] == "thread_name" and each["args"]["name"] == "CrRendererMain"
            if each["pid"] == self.pid
        }
        found += [
            Task(each["dur"] / 1000, each.get("tdur", 0) / 1000)
            for each in events
            if each["name"] == TASK and "dur" in each and (each["pid"], each["tid"]) in main
        ]
