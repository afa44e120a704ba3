"""The events that a watch has printed. After a reconnect a snapshot repeats them, from any replica."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

MAX_EVENTS = 10_000
"""The events that are remembered, unless a snapshot has had more."""


class PrintedEvents:
    """The events that were printed last."""

    def __init__(self) -> None:
        self._keys: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._most = MAX_EVENTS

    def add(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the rows that weren't printed yet, and remember them."""
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
