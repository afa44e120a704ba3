"""Colours, and the bars of GPUs. A colour never says anything that its text or symbol doesn't."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from lens_client.output.terminal import Terminal

Style = Literal["", "bold", "dim", "red", "green", "yellow", "blue", "cyan", "reverse"]

_CODES: Mapping[str, str] = {
    "bold": "1",
    "dim": "2",
    "reverse": "7",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
}


State = Literal["allocated", "available", "unhealthy", "unavailable"]


class Part(NamedTuple):
    """A number of GPUs in one state."""

    state: State
    gpus: int


_SYMBOLS: Mapping[str, tuple[str, str, Style]] = {
    "allocated": ("■", "#", "blue"),
    "available": ("□", ".", "green"),
    "unhealthy": ("✕", "x", "red"),
    "unavailable": ("▨", "-", "yellow"),
}

MAX_CELLS = 16


def paint(text: str, style: Style, terminal: Terminal) -> str:
    """Return a text in a colour, where the terminal has colours."""
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style and terminal.colour and text else text


def bar(parts: tuple[Part, ...], terminal: Terminal, most: int = MAX_CELLS) -> str:
    """Return a bar with a cell for each GPU, or ``most`` cells in proportion.

    Each state has one at least, and so a bar has more than ``most`` cells where there are more states.
    """
    shown = ""
    for part, number in zip(parts, cells([part.gpus for part in parts], most), strict=True):
        symbol, plain, style = _SYMBOLS[part.state]
        shown += paint((symbol if terminal.unicode else plain) * number, style, terminal)
    return shown


def bar_cells(parts: tuple[Part, ...], most: int = MAX_CELLS) -> int:
    """Return how many columns the bar takes."""
    return sum(cells([part.gpus for part in parts], most))


def cells(numbers: list[int], most: int) -> list[int]:
    """Return how many of ``most`` cells each number has, by its share; one at least unless it is 0.

    There are as many cells as numbers that aren't 0, even if these are more than ``most``.
    """
    total = sum(numbers)
    most = max(most, sum(number > 0 for number in numbers))
    if total <= most:
        return numbers
    found = [max(1, number * most // total) if number else 0 for number in numbers]
    while (over := sum(found) - most) != 0:
        # The one that is furthest from its share gives or takes a cell.
        step = 1 if over < 0 else -1
        candidates = [i for i, cell in enumerate(found) if numbers[i] and (step > 0 or cell > 1)]
        chosen = max(candidates, key=lambda i: step * (numbers[i] * most / total - found[i]))
        found[chosen] += step
    return found
