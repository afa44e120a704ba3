"""Applies one resource's lists and watches in order, as an informer does.

resourceVersions of one resource compare as integers (KEP-5504). The store has the version up to which
everything is known. Every line and every list sets it, and a line that isn't above it is ignored. So late and
duplicate lines change nothing, and deleted objects stay deleted.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Store(Generic[K, V]):
    """Turn pages and lines into changes: an object's new view, or None for a removed object."""

    def __init__(self, stored: Mapping[K, V], put: Callable[[K, V | None], bool | None]) -> None:
        """Take the live mapping of the stored objects, and the function that changes it.

        It returns False if nothing can show the change.
        """
        self._stored = stored
        self._put = put
        self._listed: dict[K, V | None] = {}
        self.resource_version = 0
        self.synced = False

    def __contains__(self, key: K) -> bool:
        """Return whether an object is stored under a key."""
        return key in self._stored

    def apply_page(
        self, items: Mapping[K, V | None], version: int, *, first: bool, last: bool
    ) -> Mapping[K, V | None] | None:
        """Apply a page of a list; with the last one store the whole difference at once, and return it.

        Until then the list has no effect, so a list that breaks off changes nothing. A first page drops the
        pages of an unfinished list.
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
        # Set, not raised: a restored etcd continues from a lower version.
        self.resource_version = version
        self.synced = True
        return difference

    def apply_line(self, key: K, view: V | None, version: int) -> bool:
        """Apply a watch line; return whether anything may show that. A view of None removes the object."""
        if version <= self.resource_version:
            return False
        self.resource_version = version
        if self._stored.get(key) == view:
            return False
        return self._put(key, view) is not False

    def clear(self) -> None:
        """Remove everything, until the next list is complete. Pages of an unfinished one stay valid."""
        for key in tuple(self._stored):
            self._put(key, None)
        self.resource_version = 0
        self.synced = False

    def bookmark(self, version: int) -> None:
        """Apply a bookmark: everything up to ``version`` is known."""
        self.resource_version = max(self.resource_version, version)
