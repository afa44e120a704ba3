"""What has been answered and not been taken: bounded over all connections."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lens.http.connection import Connection


class Outgoing:
    """The bytes that wait to be taken: bodies, each once however many take it, and connections' buffers."""

    def __init__(self, most: int) -> None:
        """Take how many bytes there may be."""
        self._most = most
        self._bodies: dict[int, tuple[bytes, int]] = {}
        self._bodies_bytes = 0
        self._buffered: dict[Connection, int] = {}
        self._buffered_bytes = 0

    @property
    def size(self) -> int:
        """Return how many bytes there are."""
        return self._bodies_bytes + self._buffered_bytes

    @property
    def waiting(self) -> list["Connection"]:
        """Return the connections that have not taken all, who has taken nothing for longest first."""
        return sorted(self._buffered, key=lambda connection: connection.taken_at)

    def beyond(self, body: bytes) -> bool:
        """Tell whether there is no room for a body beside others. One alone always has room."""
        added = 0 if id(body) in self._bodies else len(body)
        return self.size > 0 and self.size + added > self._most

    def hold(self, body: bytes) -> None:
        """Count a body that is being written."""
        _, holders = self._bodies.get(id(body), (body, 0))
        self._bodies[id(body)] = (body, holders + 1)
        if not holders:
            self._bodies_bytes += len(body)

    def release(self, body: bytes) -> None:
        """Count it no more for one who took it."""
        _, holders = self._bodies.pop(id(body))
        if holders > 1:
            self._bodies[id(body)] = (body, holders - 1)
        else:
            self._bodies_bytes -= len(body)

    def buffer(self, connection: "Connection", unsent: int) -> None:
        """Note how many bytes a connection has not taken."""
        self._buffered_bytes += unsent - self._buffered.pop(connection, 0)
        if unsent:
            self._buffered[connection] = unsent
