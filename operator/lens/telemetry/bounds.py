"""What is kept of lists that others write: the first so many, and the names of those that were longer."""

from typing import TypeVar

T = TypeVar("T")

MOST_NAMED = 3
"""Lists that a problem names."""


class Cut:
    """The lists of one answer that are longer than what is kept of them."""

    def __init__(self) -> None:
        """Start with none."""
        self._cut: dict[str, tuple[int, int]] = {}

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._cut)

    def first(self, what: str, most: int, items: tuple[T, ...]) -> tuple[T, ...]:
        """Return the first ``most`` of the items; ``what`` is their name in words."""
        if len(items) <= most:
            return items
        self._cut[what] = most, len(items)
        return items[:most]

    @property
    def problem(self) -> str | None:
        """Say what was cut, None for nothing."""
        if not self._cut:
            return None
        named = [f"{most} of {there} {what}" for what, (most, there) in self._cut.items()]
        more = f" and {len(named) - MOST_NAMED} more lists" if len(named) > MOST_NAMED else ""
        return f"answers too much; kept are {', '.join(named[:MOST_NAMED])}{more}"
