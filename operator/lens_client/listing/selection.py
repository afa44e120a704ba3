"""Which rows a command is asked for, beyond what the API's parameters say."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

from lens_client.context import Context

R = TypeVar("R", bound=Mapping[str, Any])

MOST_SEEN = 10_000
"""Rows that are remembered. The apiserver is asked again for one that was forgotten and appears again."""

Chooses = Callable[[Iterable[Mapping[str, Any]]], list[Mapping[str, Any]]]


class Labelled:
    """Chooses the nodes or pods that -l selects; all without -l.

    The API has no labels, so their names are the apiserver's answer to the user. It is asked again when a row
    appears that wasn't there before.
    """

    def __init__(self, context: Context, plural: Literal["nodes", "pods"]) -> None:
        self._context, self._plural = context, plural
        self._seen: set[tuple[str, str]] = set()
        self._chosen: set[tuple[str, str]] = set()

    def __call__(self, rows: Iterable[R]) -> list[R]:
        """Return the rows that -l selects. Raise CommandError."""
        if self._context.options.selector is None:
            return list(rows)
        keyed = [(self._key(row), row) for row in rows]
        keys = {key for key, _ in keyed}
        if keys - self._seen:
            self._chosen = self._context.labelled(self._plural) or set()
            if len(self._seen) > MOST_SEEN:
                self._seen.clear()
            self._seen |= keys
        return [row for key, row in keyed if key in self._chosen]

    def _key(self, row: Mapping[str, Any]) -> tuple[str, str]:
        return ("", row["node_name"]) if self._plural == "nodes" else (row["namespace"], row["pod_name"])
