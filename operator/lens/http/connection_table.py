"""The open connections: bounds in all and per address, and which one closes first when there are too many."""

import ipaddress
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from lens.bounds import STALLED_SECONDS, Bounds
from lens.http.refusal_counts import RefusalCounts
from lens.http.request_queue import RequestQueue
from lens.http.response.unsent_bytes import UnsentBytes

if TYPE_CHECKING:
    from lens.http.connection import Connection


class ConnectionTable:
    """All connections of one server.

    A connection is active while its request is being answered. All others are idle: kept alive, new and
    silent, or still sending a request. When the table is full, the address with the most idle connections
    loses the one that has been idle for longest, so that a flood from one address displaces only itself.
    """

    def __init__(self, bounds: Bounds, refusals: RefusalCounts) -> None:
        """Start empty."""
        self._bounds = bounds
        self._refusals = refusals
        self.unsent = UnsentBytes(bounds.unsent_bytes)
        self.requests = RequestQueue()
        self.open: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        # Removing the first entry of a plain dict again and again skips over all entries removed before.
        self._idle_by_address: dict[str, OrderedDict[Connection, None]] = {}
        self._heads: OrderedDict[Connection, int] = OrderedDict()
        self._heads_bytes = 0

    def make_room(self, address: str) -> bool:
        """Make room for a new connection from an address. Return whether there is room."""
        while self._by_address[address] >= self._bounds.per_address:
            if not self._close_oldest(address, "address"):
                return False
        while len(self.open) >= self._bounds.connections:
            if not self._close_oldest(self._largest(), "connections"):
                return False
        return True

    def close_idle(self, count: int) -> None:
        """Close up to ``count`` idle connections, each of the address that has the most."""
        for _ in range(count):
            if not self._close_oldest(self._largest(), "connections"):
                break

    def add(self, connection: "Connection") -> None:
        """Add a new connection, which is idle."""
        self.open.add(connection)
        self._by_address[connection.address] += 1
        self.set_idle(connection)

    def remove(self, connection: "Connection") -> None:
        """Remove a connection that has ended."""
        if connection not in self.open:
            return
        self.open.discard(connection)
        self._by_address[connection.address] -= 1
        if not self._by_address[connection.address]:
            del self._by_address[connection.address]
        self.set_active(connection)
        self.set_head_bytes(connection, 0)
        self.unsent.set_buffered(connection, 0)

    def set_idle(self, connection: "Connection") -> None:
        """Mark a connection as idle: no request of it is being answered."""
        if connection in self.open:
            self._idle_by_address.setdefault(connection.address, OrderedDict())[connection] = None

    def set_active(self, connection: "Connection") -> None:
        """Mark a connection as active, or remove it from the idle ones."""
        neighbours = self._idle_by_address.get(connection.address)
        if neighbours is not None:
            neighbours.pop(connection, None)
            if not neighbours:
                del self._idle_by_address[connection.address]

    def set_head_bytes(self, connection: "Connection", size: int) -> bool:
        """Set the memory of a connection's heads. Return whether there is room; others may be cut for it."""
        self._heads_bytes += size - self._heads.pop(connection, 0)
        if not size:
            return True
        self._heads[connection] = size
        while self._heads_bytes > self._bounds.heads_bytes:
            oldest = next(iter(self._heads))
            if oldest is connection:
                return False
            self._refusals["heads"] += 1
            oldest.cut()
        return True

    def set_unsent(self, connection: "Connection", unsent: int) -> None:
        """Set how many bytes of its responses a connection has not read, unless it has ended."""
        if connection in self.open:
            self.unsent.set_buffered(connection, unsent)

    def make_room_for(self, body: bytes) -> bool:
        """Make room for the body of a response. Return whether there is room."""
        if not self.unsent.exceeds(body):
            return True
        for connection in self.unsent.slowest_first:
            if connection.stalled(STALLED_SECONDS):
                self._refusals["unsent"] += 1
                connection.cut()
            if not self.unsent.exceeds(body):
                return True
        return False

    def enforce_bounds(self) -> None:
        """Cut the connections that exceed a time limit, and stalled ones while too many bytes are unsent.

        Short responses and streams are written without a check for room.
        """
        for connection in tuple(self.open):
            connection.enforce_bounds()
        self.make_room_for(b"")

    def _largest(self) -> str | None:
        """Return the address with the most idle connections; the first of several; None if all are active."""
        idle = self._idle_by_address
        return max(idle, key=lambda address: len(idle[address]), default=None)

    def _close_oldest(self, address: str | None, reason: str) -> bool:
        idle = None if address is None else self._idle_by_address.get(address)
        if not idle:
            return False
        self._refusals[reason] += 1
        next(iter(idle)).cut()
        return True


def client_network(host: str) -> str:
    """Return the network by which clients are counted: an IPv4 address, or the /64 of an IPv6 address.

    A machine usually has a whole /64.
    """
    if ":" not in host:
        return host
    ip = ipaddress.IPv6Address(host.partition("%")[0])
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
