"""One resource's list and watch, put in order, as an informer does it.

resourceVersions of one resource compare as integers (KEP-5504). The mark is the version up to which all
is known: every line moves it, every list sets it, and a line that is not above it is old news. So what
comes late or twice changes nothing, and what was deleted stays deleted.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Feed(Generic[K, V]):
    """Turn pages and lines into filings: of what is there (a view) and of what is not (None)."""

    def __init__(self, filed: Mapping[K, V], file: Callable[[K, V | None], None]) -> None:
        """Take the live map of what is filed, and the way to file."""
        self._filed = filed
        self._file = file
        self._listed: dict[K, V | None] = {}
        self.mark = 0
        self.synced = False

    def __contains__(self, key: K) -> bool:
        """Tell whether something is filed under a key."""
        return key in self._filed

    def page(
        self, items: Mapping[K, V | None], version: int, *, first: bool, last: bool
    ) -> Mapping[K, V | None] | None:
        """Take a page of a list; at its last one file the difference, all at once, and return it.

        Until then the list has no effect, so that one which breaks off in the middle never had any.
        A first page drops what an unfinished list left behind.
        """
        if first:
            self._listed = {}
        self._listed.update(items)
        if not last:
            return None
        listed, self._listed = self._listed, {}
        difference: dict[K, V | None] = {key: None for key in self._filed if listed.get(key) is None}
        difference |= {
            key: view for key, view in listed.items() if view is not None and self._filed.get(key) != view
        }
        for key, view in difference.items():
            self._file(key, view)
        # Set, not raised: an etcd that was restored starts again from below.
        self.mark = version
        self.synced = True
        return difference

    def line(self, key: K, view: V | None, version: int) -> bool:
        """Take a watch line; return whether it changed anything. None says that the object is gone."""
        if version <= self.mark:
            return False
        self.mark = version
        if self._filed.get(key) == view:
            return False
        self._file(key, view)
        return True

    def bookmark(self, version: int) -> None:
        """Take a bookmark: all up to ``version`` has been seen."""
        self.mark = max(self.mark, version)
