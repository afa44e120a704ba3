"""The nodes of a fleet, sorted by name, in pieces: successors share those in which nothing has changed.

So a change costs the same in a cluster of any size, and what is read of all nodes is joined when it is read.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TypeVar

from lens.model.fit.fleet_node import FleetNode
from lens.model.k8s.vendors import TOLERATING_LABELS

T = TypeVar("T")

PIECE_NODES = 256
"""The nodes of a new piece. One that has grown to twice as many is divided."""


class Piece:
    """Adjacent nodes, and what filters read of them by position."""

    def __init__(self, nodes: Sequence[FleetNode], names: Sequence[str] | None = None) -> None:
        """Take at least one node, and the names if they are known."""
        self.nodes = nodes
        self.names = names or [node.name for node in nodes]
        self._free: dict[str, list[int]] = {}

    def free(self, resource: str) -> list[int]:
        """Return what each node has left of a resource, and store it."""
        found = self._free.get(resource)
        if found is None:
            found = self._free[resource] = self.free_now(resource)
        return found

    def free_now(self, resource: str) -> list[int]:
        """Return what each node has left of a resource."""
        return [node.free.get(resource, 0) for node in self.nodes]

    @cached_property
    def free_pods(self) -> list[int]:
        """Return how many more pods each node takes."""
        return [node.free_pods for node in self.nodes]

    @cached_property
    def adds_tolerations(self) -> bool:
        """Return whether a node is of a cloud that adds tolerations for the extended resources of pods."""
        return any(label in node.labels for node in self.nodes for label in TOLERATING_LABELS)

    def find(self, name: str) -> int | None:
        """Return the position of a node in the piece."""
        at = bisect_left(self.names, name)
        return at if at < len(self.names) and self.names[at] == name else None

    def updated(self, changes: Mapping[str, FleetNode | None]) -> list["Piece"]:
        """Return the pieces that replace this one: one with the same names if nodes are only replaced."""
        nodes = list(self.nodes)
        for name, node in changes.items():
            at = self.find(name)
            if at is None or node is None:
                break
            nodes[at] = node
        else:
            return [Piece(nodes, self.names)]
        found: dict[str, FleetNode | None] = dict(zip(self.names, self.nodes, strict=True))
        found.update(changes)
        return list(_divided([node for _, node in sorted(found.items()) if node is not None]))


class FleetNodes:
    """All nodes of one moment."""

    def __init__(self, pieces: Sequence[Piece] = (), first_names: Sequence[str] | None = None) -> None:
        """Take the pieces in order, and the first names of all but the first if they are known."""
        self.pieces = pieces
        self._first_names = [piece.names[0] for piece in pieces[1:]] if first_names is None else first_names

    @classmethod
    def of(cls, nodes: Iterable[FleetNode]) -> "FleetNodes":
        """Return nodes that are sorted by name."""
        return cls(list(_divided(list(nodes))))

    def __len__(self) -> int:
        """Return the number of nodes."""
        return sum(len(piece.nodes) for piece in self.pieces)

    def __iter__(self) -> Iterator[FleetNode]:
        """Iterate over the nodes."""
        return chain.from_iterable(piece.nodes for piece in self.pieces)

    def get(self, name: str) -> FleetNode | None:
        """Return the node of a name."""
        if not self.pieces:
            return None
        piece = self.pieces[bisect_right(self._first_names, name)]
        at = piece.find(name)
        return None if at is None else piece.nodes[at]

    def joined(self, read: Callable[[Piece], Iterable[T]]) -> list[T]:
        """Return what is read of all pieces, by the nodes' positions."""
        return list(chain.from_iterable(map(read, self.pieces)))

    def updated(self, changes: Mapping[str, FleetNode | None]) -> "FleetNodes":
        """Return the nodes with some replaced or added, or removed where they are None."""
        if not self.pieces:
            return FleetNodes.of([node for _, node in sorted(changes.items()) if node is not None])
        by_piece: dict[int, dict[str, FleetNode | None]] = {}
        for name, node in changes.items():
            by_piece.setdefault(bisect_right(self._first_names, name), {})[name] = node
        replaced = {index: self.pieces[index].updated(each) for index, each in by_piece.items()}
        pieces = list(self.pieces)
        if all(len(new) == 1 and new[0].names is pieces[index].names for index, new in replaced.items()):
            for index, new in replaced.items():
                pieces[index] = new[0]
            return FleetNodes(pieces, self._first_names)
        for index in sorted(replaced, reverse=True):
            pieces[index : index + 1] = replaced[index]
        nodes = FleetNodes(pieces)
        # Many small pieces may be left after nodes come and go.
        return nodes if len(pieces) <= 4 * (1 + len(nodes) // PIECE_NODES) else FleetNodes.of(nodes)


def _divided(nodes: Sequence[FleetNode]) -> Iterator[Piece]:
    size = len(nodes) if len(nodes) < 2 * PIECE_NODES else PIECE_NODES
    return (Piece(nodes[start : start + size]) for start in range(0, len(nodes), size or 1))
