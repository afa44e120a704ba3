"""Response bytes that clients have not read: bounded over all connections."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lens.http.connection import Connection


class UnsentBytes:
    """The unsent bytes: bodies, each counted once for all its clients, and connections' buffers."""

    def __init__(self, most: int) -> None:
        """Take the bound in bytes."""
        self._most = most
        self._bodies: dict[int, tuple[bytes, int]] = {}
        self._bodies_bytes = 0
        self._buffered: dict[Connection, int] = {}
        self._buffered_bytes = 0

    @property
    def size(self) -> int:
        """Return the number of unsent bytes."""
        return self._bodies_bytes + self._buffered_bytes

    @property
    def slowest_first(self) -> list["Connection"]:
        """Return the connections with unsent bytes, those longest without progress first."""
        return sorted(self._buffered, key=lambda connection: connection.send_buffer.progressed_at)

    def exceeds(self, body: bytes) -> bool:
        """Return whether one more body exceeds the bound. A body alone never does."""
        added = 0 if id(body) in self._bodies else len(body)
        return self.size > 0 and self.size + added > self._most

    def add_body(self, body: bytes) -> None:
        """Count a body that is being sent to one more client."""
        _, holders = self._bodies.get(id(body), (body, 0))
        self._bodies[id(body)] = (body, holders + 1)
        if not holders:
            self._bodies_bytes += len(body)

    def remove_body(self, body: bytes) -> None:
        """Stop counting a body for one client."""
        _, holders = self._bodies.pop(id(body))
        if holders > 1:
            self._bodies[id(body)] = (body, holders - 1)
        else:
            self._bodies_bytes -= len(body)

    def set_buffered(self, connection: "Connection", unsent: int) -> None:
        """Set how many bytes a connection has buffered."""
        self._buffered_bytes += unsent - self._buffered.pop(connection, 0)
        if unsent:
            self._buffered[connection] = unsent
