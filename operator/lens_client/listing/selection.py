"""Filters of rows that the API doesn't have."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

from lens_client.context import Context

R = TypeVar("R", bound=Mapping[str, Any])

MAX_SEEN = 10_000
"""Rows that are remembered. A forgotten row that appears again takes another request to the apiserver."""

Select = Callable[[Iterable[Mapping[str, Any]]], list[Mapping[str, Any]]]


class Labelled:
    """Selects the nodes or pods that match -l; all without -l.

    The API has no labels, so the apiserver lists the matching names. A new row takes another list.
    """

    def __init__(self, context: Context, plural: Literal["nodes", "pods"]) -> None:
        self._context, self._plural = context, plural
        self._known: set[tuple[str, str]] = set()
        self._selected: set[tuple[str, str]] = set()

    def __call__(self, rows: Iterable[R]) -> list[R]:
        """Return the rows that -l selects. Raise CommandError."""
        if self._context.options.selector is None:
            return list(rows)
        keyed = [(self._key(row), row) for row in rows]
        keys = {key for key, _ in keyed}
        if keys - self._known:
            self._selected = self._context.labelled(self._plural) or set()
            if len(self._known) > MAX_SEEN:
                self._known.clear()
            self._known |= keys
        return [row for key, row in keyed if key in self._selected]

    def _key(self, row: Mapping[str, Any]) -> tuple[str, str]:
        return ("", row["node_name"]) if self._plural == "nodes" else (row["namespace"], row["pod_name"])
