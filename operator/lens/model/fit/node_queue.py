"""Nodes with room for replicas, in the order in which they get them."""

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush


class NodeQueue:
    """Nodes with room, in groups: the one with the most first, then the first by name.

    An entry is one number, which sorts like the room, the most first, and then the position.
    """

    def __init__(self, groups: Iterable[list[tuple[int, int]]], nodes: int) -> None:
        """Take the positions and the rooms of each group, and the number of nodes."""
        self._nodes = nodes
        self._groups = [[position - room * nodes for position, room in group] for group in groups]
        for entries in self._groups:
            heapify(entries)
        self._first = [(entries[0], number) for number, entries in enumerate(self._groups) if entries]
        heapify(self._first)
        self._aside: list[int] = []

    def room(self) -> int:
        """Return how many replicas there is room for."""
        return sum([-(entry // self._nodes) for entries in self._groups for entry in entries])

    def rooms(self) -> Iterator[tuple[int, list[int]]]:
        """Give a node of each group that has room, and the rooms of all its nodes."""
        for entries in self._groups:
            if entries:
                yield entries[0] % self._nodes, [-(entry // self._nodes) for entry in entries]

    def __iter__(self) -> Iterator[int]:
        """Iterate over the first nodes of the groups; the caller takes each, or sets it aside."""
        while self._first:
            yield self._first[0][0] % self._nodes

    def take(self, *, apart: bool) -> None:
        """Take room for one replica on the node that is first; what is left is in a group ``apart``."""
        _, number = heappop(self._first)
        entries = self._groups[number]
        less = heappop(entries) + self._nodes
        if less < 0 and apart and entries:
            heappush(self._first, (less, len(self._groups)))
            self._groups.append([less])
        elif less < 0:
            heappush(entries, less)
        if entries:
            heappush(self._first, (entries[0], number))

    def set_aside(self) -> None:
        """Leave out the group of the node that is first."""
        self._aside.append(heappop(self._first)[1])

    def put_back(self) -> None:
        """Return the groups that were set aside to the queue."""
        for number in self._aside:
            heappush(self._first, (self._groups[number][0], number))
        self._aside.clear()
