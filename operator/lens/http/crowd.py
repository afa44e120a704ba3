"""Who is connected: so many in all and from each address, and who goes first when there are too many."""

import ipaddress
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from lens.bounds import STALLED_SECONDS, Bounds
from lens.http.outgoing import Outgoing
from lens.http.refusals import Refusals
from lens.http.request_queue import RequestQueue

if TYPE_CHECKING:
    from lens.http.connection import Connection


class Crowd:
    """All connections of one server.

    Only a connection whose request is being answered is at work. Of the others the one that has been idle
    for longest makes room for a new one, be it kept, new and silent, or still sending.
    """

    def __init__(self, bounds: Bounds, refusals: Refusals) -> None:
        """Start empty."""
        self._bounds = bounds
        self._refusals = refusals
        self.outgoing = Outgoing(bounds.unsent_bytes)
        self.requests = RequestQueue()
        self.connected: set[Connection] = set()
        self._from: Counter[str] = Counter()
        # To take the first of a plain dictionary again and again goes through all that were before.
        self._idle: OrderedDict[Connection, None] = OrderedDict()
        self._idle_from: dict[str, OrderedDict[Connection, None]] = {}
        self._heads: OrderedDict[Connection, int] = OrderedDict()
        self._heads_bytes = 0

    def admits(self, address: str) -> bool:
        """Make room for a new connection; tell whether there is some."""
        while self._from[address] >= self._bounds.per_address:
            if not self._lets_go(self._idle_from.get(address), "address"):
                return False
        while len(self.connected) >= self._bounds.connections:
            if not self._lets_go(self._idle, "connections"):
                return False
        return True

    def let_some_go(self, count: int) -> None:
        """Close the connections that have been idle for longest, as far as any are."""
        for _ in range(count):
            if not self._lets_go(self._idle, "connections"):
                break

    def enter(self, connection: "Connection") -> None:
        """Take a new connection, idle as yet."""
        self.connected.add(connection)
        self._from[connection.address] += 1
        self.rest(connection)

    def leave(self, connection: "Connection") -> None:
        """Forget one that has ended."""
        if connection not in self.connected:
            return
        self.connected.discard(connection)
        self._from[connection.address] -= 1
        if not self._from[connection.address]:
            del self._from[connection.address]
        self.work(connection)
        self.keep_head(connection, 0)
        self.outgoing.buffer(connection, 0)

    def rest(self, connection: "Connection") -> None:
        """Note that a connection has nothing to be answered."""
        if connection in self.connected:
            self._idle[connection] = None
            self._idle_from.setdefault(connection.address, OrderedDict())[connection] = None

    def work(self, connection: "Connection") -> None:
        """Note that a connection's request is being answered, or that it's gone."""
        self._idle.pop(connection, None)
        neighbours = self._idle_from.get(connection.address)
        if neighbours is not None:
            neighbours.pop(connection, None)
            if not neighbours:
                del self._idle_from[connection.address]

    def keep_head(self, connection: "Connection", size: int) -> bool:
        """Note what a connection's heads take; tell whether there is room, which others may have to make."""
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

    def owe(self, connection: "Connection", unsent: int) -> None:
        """Note how many bytes of its answers a connection has not taken, unless it is gone."""
        if connection in self.connected:
            self.outgoing.buffer(connection, unsent)

    def has_room(self, body: bytes) -> bool:
        """Make room for a body that is to be sent; tell whether there is some."""
        if not self.outgoing.beyond(body):
            return True
        for connection in self.outgoing.waiting:
            if connection.stalled(STALLED_SECONDS):
                self._refusals["unsent"] += 1
                connection.cut()
            if not self.outgoing.beyond(body):
                return True
        return False

    def tend(self) -> None:
        """Look at what each connection sends and takes, and hang up on who takes nothing while all take much.

        Short answers and streams are written without asking for room.
        """
        for connection in tuple(self.connected):
            connection.tend()
        self.has_room(b"")

    def _lets_go(self, idle: "OrderedDict[Connection, None] | None", reason: str) -> bool:
        if not idle:
            return False
        self._refusals[reason] += 1
        next(iter(idle)).cut()
        return True


def neighbourhood(host: str) -> str:
    """Return what stands for an address: of IPv6 its /64, as one machine has all of that."""
    if ":" not in host:
        return host
    ip = ipaddress.IPv6Address(host.partition("%")[0])
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
