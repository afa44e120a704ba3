"""A tab that is left open before a large cluster that changes all the time: what it takes."""

from typing import NamedTuple

from playwright.sync_api import Browser

from tests.browser.scene.renderer import LONG_MS, Renderer, Task
from tests.browser.scene.tab import Tab


class Endurance(NamedTuple):
    """What was measured: memory and JavaScript's heap (in MB) at the beginning and at the end, and tasks."""

    seconds: float
    memory_mb: tuple[float, float]
    heap_mb: tuple[float, float]
    tasks: list[Task]

    @property
    def long_tasks_a_minute(self) -> float:
        """Return how many tasks took more than 50 ms of the processor, a minute."""
        return sum(task.cpu_ms > LONG_MS for task in self.tasks) * 60 / self.seconds

    @property
    def longest_ms(self) -> float:
        """Return the most that a task took of the processor."""
        return max(task.cpu_ms for task in self.tasks)

    @property
    def cpu_percent(self) -> float:
        """Return what the main thread takes of a processor."""
        return sum(task.cpu_ms for task in self.tasks) / (10 * self.seconds)


def endure(browser: Browser, tab: Tab, settle_s: float, seconds: float) -> Endurance:
    """Leave a live tab alone, first until what its beginning has made is gone."""
    renderer = Renderer(browser, tab.page)
    tab.page.wait_for_timeout(1000 * settle_s)
    memory, heap = renderer.memory_mb(), renderer.heap_mb()
    tasks: list[Task] = []
    with renderer.tasks(tasks):
        tab.page.wait_for_timeout(1000 * seconds)
    return Endurance(seconds, (memory, renderer.memory_mb()), (heap, renderer.heap_mb()), tasks)
