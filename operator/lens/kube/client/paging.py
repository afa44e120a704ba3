"""The number of objects in a page of a list, such that a page fits into memory.

A page of 500 pods usually has some 4 MB. etcd stores objects of up to 1.5 MiB, so anybody who may create
objects can make it 750 MB. A list has no limit in bytes, so a page that is too large is not read to its end,
and requested again with fewer objects. Decoding the items as they arrive would avoid that, but finding their
ends in Python is ten times as slow as decoding whole pages.
"""

FIRST_OBJECTS = 500
"""The objects in the first page."""

MAX_OBJECTS = 2_000
"""The most objects in a page. A request costs as much as some 100 small objects, at both ends."""

MAX_PAGE_BYTES = 10 * 2**20
"""The bytes of a page. Finding the ends of its objects takes 8 ms, in which no other thread runs."""

MAX_OBJECT_BYTES = 32 * 2**20
"""The bound of a page with a single object."""

_FACTOR = 8


class PageSize:
    """The limit of the next page: an eighth after a page that is too large, twice after small ones."""

    def __init__(self) -> None:
        """Start with as many as fit, if they are of the usual size."""
        self.objects = FIRST_OBJECTS

    @property
    def max_bytes(self) -> int:
        """Return how many bytes a page may have."""
        return MAX_PAGE_BYTES if self.objects > 1 else MAX_OBJECT_BYTES

    def exceeded(self) -> bool:
        """Reduce the limit after a page that was too large; return whether a smaller page is possible."""
        if self.objects == 1:
            return False
        self.objects = max(1, self.objects // _FACTOR)
        return True

    def fitted(self, length: int) -> None:
        """Raise the limit after a page of ``length`` bytes, if that is small."""
        if length < MAX_PAGE_BYTES // _FACTOR:
            self.objects = min(MAX_OBJECTS, 2 * self.objects)
