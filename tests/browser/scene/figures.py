"""The figures that a page shows, against those of `status`."""

import re
from collections.abc import Callable
from typing import Any

from tests.browser.scene.lens import Lens
from tests.browser.scene.tab import Tab

EXACT_S = 75.0

HELD = ("busy", "idle", "unmeasured")
"""What GPUs do that pods hold."""

MOVING = ("freshness.", "telemetry.nodes")
"""What changes between two answers although nothing happens."""

SHOWN = """() => [...document.querySelectorAll("[data-figure]")]
  .filter((element) => !element.closest("[data-row]"))
  .map((element) => [element.dataset.figure, element.textContent])"""

ROWS = """(field) => Object.fromEntries([...document.querySelectorAll(`[data-row] [data-figure="${field}"]`)]
  .map((element) => [element.closest("[data-row]").dataset.row, element.textContent]))"""


def number(text: str) -> float | str:
    """Return the number that a text has beside its unit, or the text if it has none."""
    found = re.search(r"-?\d[\d,]*(\.\d+)?", text)
    return float(found[0].replace(",", "")) if found else text


def shown(tab: Tab) -> dict[str, float | str]:
    """Return the figures of `status` that a page shows, by their paths."""
    return {path: number(text) for path, text in tab.evaluate(SHOWN)}


def shown_rows(tab: Tab, field: str) -> dict[str, float | str]:
    """Return one field of all rows that a page shows, by the rows' keys."""
    return {row: number(text) for row, text in tab.evaluate(ROWS, field).items()}


def differences(tab: Tab, status: Any) -> dict[str, tuple[object, object]]:
    """Return the figures that a page shows and `status` has otherwise: as they are, and as they should be."""
    pairs = {
        path: (number(text), _value(status, path))
        for path, text in tab.evaluate(SHOWN)
        if not path.startswith(MOVING)
    }
    return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}


def _split(states: dict[str, int], namespaces: list[Any]) -> None:
    """Say beside the GPUs by state what those that pods hold do, which the page sums up from the pods.

    No GPU is shared here, so it is the sum over the namespaces.
    """
    states.update({name: sum(row[f"{name}_gpus"] for row in namespaces) for name in HELD})


def _value(status: Any, path: str) -> object:
    """Return what a path leads to, and what the page says of what is null."""
    for part in path.split("."):
        if not isinstance(status, dict) or part not in status:
            return "nothing in status"
        status = status[part]
    if isinstance(status, list):
        return len(status)
    return "unknown" if status is None else status


def expect_agreement(tab: Tab, lens: Lens, token: str) -> Any:
    """Wait until a page shows what `status` says; return that.

    A stream holds small changes of measured values back for a minute at most.
    """
    answers: list[Any] = []

    def agree() -> bool:
        status = lens.status(token, "alerts,namespaces")
        _split(status["gpu_states"], status["namespaces"])
        answers.append(status)
        return not differences(tab, status)

    tab.until(agree, lambda: differences(tab, answers[-1]), EXACT_S)
    return answers[-1]


def expect_change(tab: Tab, lens: Lens, token: str, change: Callable[[], None]) -> None:
    """Change the cluster, and wait until `status` shows it."""

    def sequence() -> int:
        return int(lens.status(token)["freshness"]["sequence"])

    before = sequence()
    change()
    tab.until(lambda: sequence() > before, "a change of the figures")
