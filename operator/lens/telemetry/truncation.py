"""Truncate the lists of a response, and name those that were longer."""

from typing import TypeVar

T = TypeVar("T")

MAX_NAMED_LISTS = 3
"""The most lists that a problem names."""


class TruncatedLists:
    """The truncated lists of one response."""

    def __init__(self) -> None:
        """Start without truncated lists."""
        self._truncated: dict[str, tuple[int, int]] = {}

    def __bool__(self) -> bool:
        """Return whether any list was truncated."""
        return bool(self._truncated)

    def first(self, what: str, most: int, items: tuple[T, ...]) -> tuple[T, ...]:
        """Return the first ``most`` items; ``what`` names the list in the problem."""
        if len(items) <= most:
            return items
        self._truncated[what] = most, len(items)
        return items[:most]

    @property
    def problem(self) -> str | None:
        """Return a description of the truncated lists, or None without any."""
        if not self._truncated:
            return None
        named = [f"{most} of {there} {what}" for what, (most, there) in self._truncated.items()]
        more = f" and {len(named) - MAX_NAMED_LISTS} more lists" if len(named) > MAX_NAMED_LISTS else ""
        return f"answers too much; kept are {', '.join(named[:MAX_NAMED_LISTS])}{more}"
