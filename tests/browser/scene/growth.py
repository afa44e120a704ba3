"""A tab that is left open while a cluster changes faster than one does: what remains of so many changes."""

import time
from statistics import linear_regression
from typing import NamedTuple

from playwright.sync_api import Browser

from tests.browser.scene.renderer import Renderer
from tests.browser.scene.tab import Tab

COUNT = """async () => {
  const main = document.querySelector("script[type=module]").src;
  const { tasks } = await import(new URL("./cluster/store.js", main).href);
  globalThis.taken = 0;
  tasks.listen((changed) => (taken += changed.length));
}"""

SAMPLE_S = 5.0


class Sample(NamedTuple):
    """Changes that the page has taken, and what is in use then (in MB): JavaScript's heap, and all memory."""

    changes: int
    heap_mb: float
    memory_mb: float


class Growth(NamedTuple):
    """Samples from the first change to the last, each after a collection of garbage."""

    samples: list[Sample]

    def heap_mb(self, changes: int) -> float:
        """Return what so many changes leave of objects, by the line through all samples."""
        return self._slope([each.heap_mb for each in self.samples]) * changes

    def memory_mb(self, changes: int) -> float:
        """Return the same of all memory of the tab's process."""
        return self._slope([each.memory_mb for each in self.samples]) * changes

    def _slope(self, values: list[float]) -> float:
        return linear_regression([each.changes for each in self.samples], values).slope


def grow(browser: Browser, tab: Tab, settle_s: float, seconds: float) -> Growth:
    """Watch a live tab for so many seconds, first until what its beginning has made is gone."""
    renderer = Renderer(browser, tab.page)
    tab.page.wait_for_timeout(1000 * settle_s)
    tab.evaluate(COUNT)
    samples: list[Sample] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        samples.append(Sample(tab.evaluate("taken"), renderer.heap_mb(), renderer.memory_mb()))
        tab.page.wait_for_timeout(1000 * SAMPLE_S)
    return Growth(samples)
