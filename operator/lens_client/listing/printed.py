"""Which events a watch has printed: a snapshot has those of before again, and replicas know the same ones."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

MOST_EVENTS = 10_000
"""Events that are remembered, or as many as a snapshot has had."""


class PrintedEvents:
    """The events that were printed last."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._most = MOST_EVENTS

    def add(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return those of the rows that weren't printed yet; from now on they are."""
        self._most = max(self._most, len(rows))
        found = []
        for row in rows:
            key = row["timestamp"], row["type"], row["object"], row["message"]
            if key not in self._keys:
                found.append(row)
                self._keys[key] = None
            self._keys.move_to_end(key)
        while len(self._keys) > self._most:
            self._keys.popitem(last=False)
        return found
