"""One resource's list and watch, put in order, as an informer does it.

resourceVersions of one resource compare as integers (KEP-5504). The store's is the one up to which all
is known: every line moves it, every list sets it, and a line that is not above it is ignored. So what
comes late or twice changes nothing, and what was deleted stays deleted.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Store(Generic[K, V]):
    """Turns pages and lines into changes: of an object that is there (its view) or is gone (None)."""

    def __init__(self, stored: Mapping[K, V], put: Callable[[K, V | None], None]) -> None:
        """Take the live map of what is stored, and the function that changes it."""
        self._stored = stored
        self._put = put
        self._listed: dict[K, V | None] = {}
        self.resource_version = 0
        self.synced = False

    def __contains__(self, key: K) -> bool:
        """Return whether an object is stored under a key."""
        return key in self._stored

    def page(
        self, items: Mapping[K, V | None], version: int, *, first: bool, last: bool
    ) -> Mapping[K, V | None] | None:
        """Take a page of a list; at its last one store the difference, all at once, and return it.

        Until then the list has no effect, so that one which breaks off in the middle never had any.
        A first page drops what an unfinished list left behind.
        """
        if first:
            self._listed = {}
        self._listed.update(items)
        if not last:
            return None
        listed, self._listed = self._listed, {}
        difference: dict[K, V | None] = {key: None for key in self._stored if listed.get(key) is None}
        difference |= {
            key: view for key, view in listed.items() if view is not None and self._stored.get(key) != view
        }
        for key, view in difference.items():
            self._put(key, view)
        # Set, not raised: an etcd that was restored starts again from below.
        self.resource_version = version
        self.synced = True
        return difference

    def line(self, key: K, view: V | None, version: int) -> bool:
        """Take a watch line; return whether it changed anything. None says that the object is gone."""
        if version <= self.resource_version:
            return False
        self.resource_version = version
        if self._stored.get(key) == view:
            return False
        self._put(key, view)
        return True

    def bookmark(self, version: int) -> None:
        """Take a bookmark: all up to ``version`` has been seen."""
        self.resource_version = max(self.resource_version, version)
