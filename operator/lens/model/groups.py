"""Sets of members by group: many groups, most of them small.

A pool has a slice or two, and a node a pool or two and a claim for each GPU. A tuple of them takes a third of
the memory of a set. A large group is a dictionary, so that no change depends on its size.
"""

from collections.abc import Collection, Hashable, Iterator
from typing import Generic, TypeVar

G = TypeVar("G", bound=Hashable)
M = TypeVar("M", bound=Hashable)

MAX_IN_TUPLE = 8
"""Members that are compared one by one."""


class Groups(Generic[G, M]):
    """Sets of members by group, each in the order in which they came. No group is empty."""

    __slots__ = ("_members",)

    def __init__(self) -> None:
        """Start without groups."""
        self._members: dict[G, tuple[M, ...] | dict[M, None]] = {}

    def __contains__(self, group: G) -> bool:
        """Return whether a group has members."""
        return group in self._members

    def __iter__(self) -> Iterator[G]:
        """Iterate over the groups."""
        return iter(self._members)

    def of(self, group: G) -> Collection[M]:
        """Return a group's members. The collection may be live."""
        return self._members.get(group, ())

    def add(self, group: G, member: M) -> None:
        """Add a member to a group, unless it is there."""
        members = self._members.get(group, ())
        if isinstance(members, dict):
            members[member] = None
        elif member not in members:
            members = (*members, member)
            self._members[group] = members if len(members) <= MAX_IN_TUPLE else dict.fromkeys(members)

    def discard(self, group: G, member: M) -> None:
        """Remove a member of a group, if it is there."""
        members = self._members.get(group)
        if members is None:
            return
        if isinstance(members, dict):
            members.pop(member, None)
        else:
            members = self._members[group] = tuple([each for each in members if each != member])
        if not members:
            del self._members[group]
