"""How many objects to ask for at once, so that a page of them fits into memory.

A page of 500 pods has some 4 MB as a rule. etcd takes objects of 1.5 MiB from anybody who may create one, so
that it may have 750 MB. The apiserver can't be asked for a number of bytes; a page that has too many is not
read to its end, and asked for again with fewer objects. Decoding items as they arrive would spare that, but
finding their borders in Python is ten times as slow as decoding whole pages.
"""

MOST_OBJECTS = 500
"""Objects to a page."""

LARGEST_PAGE = 10 * 2**20
"""Bytes. To find the borders of its objects takes 8 ms, in which no other thread runs."""

LARGEST_OBJECT = 32 * 2**20
"""Bytes; the same where a page has one object alone."""

_STEP = 8


class PageSize:
    """Follows how large pages are: an eighth of the objects after a large page, twice after small ones."""

    def __init__(self) -> None:
        """Start with as many as may be."""
        self.objects = MOST_OBJECTS

    @property
    def longest(self) -> int:
        """Return how many bytes a page may have."""
        return LARGEST_PAGE if self.objects > 1 else LARGEST_OBJECT

    def exceeded(self) -> bool:
        """Take note of a page that was too large; return whether there can be a smaller one."""
        if self.objects == 1:
            return False
        self.objects = max(1, self.objects // _STEP)
        return True

    def fitted(self, length: int) -> None:
        """Take note of a page of so many bytes."""
        if length < LARGEST_PAGE // _STEP:
            self.objects = min(MOST_OBJECTS, 2 * self.objects)
