"""Contestants measured in alternating turns, so that a slow minute of the machine falls on all of them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """One measure over all rounds, in its own unit."""

    median: float
    low: float
    high: float


def in_turns(
    contestants: Mapping[str, Callable[[], Mapping[str, float]]], rounds: int, warmup: int = 1
) -> dict[str, dict[str, Spread]]:
    """Run A B C A B C …, `warmup` rounds uncounted, and return each measure's spread by contestant."""
    seen: dict[str, list[Mapping[str, float]]] = {name: [] for name in contestants}
    for turn in range(warmup + rounds):
        for name, run in contestants.items():
            measures = run()
            if turn >= warmup:
                seen[name].append(measures)
    return {name: _spreads(measures) for name, measures in seen.items()}


def _spreads(rounds: Sequence[Mapping[str, float]]) -> dict[str, Spread]:
    return {
        measure: Spread(statistics.median(values), min(values), max(values))
        for measure in rounds[0]
        if (values := [round_[measure] for round_ in rounds])
    }
