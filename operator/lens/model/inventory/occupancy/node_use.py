"""Numbers of nodes with GPUs by their use."""

import msgspec


class NodeUse(msgspec.Struct, frozen=True, gc=False):
    """Numbers of nodes with GPUs, by how far these are used; each node is in exactly one state.

    ``closed`` nodes take no GPU pods, whatever is held on them. Of the others ``full`` ones have no available
    GPU, and no GPU of an ``idle`` one is held.
    """

    idle: int = 0
    partly_used: int = 0
    full: int = 0
    closed: int = 0

    @property
    def total(self) -> int:
        """Return the number of nodes in all states."""
        return self.idle + self.partly_used + self.full + self.closed

    def __add__(self, other: "NodeUse") -> "NodeUse":
        """Add state by state."""
        return NodeUse(
            self.idle + other.idle,
            self.partly_used + other.partly_used,
            self.full + other.full,
            self.closed + other.closed,
        )

    def __sub__(self, other: "NodeUse") -> "NodeUse":
        """Subtract state by state."""
        return NodeUse(
            self.idle - other.idle,
            self.partly_used - other.partly_used,
            self.full - other.full,
            self.closed - other.closed,
        )


NO_NODES = NodeUse()
"""No node."""
