"""Bounds of a process on HTTP and on its log: bytes, numbers and seconds.

``docs/security.md`` has the table of them, with what happens beyond.
"""

import resource
from typing import NamedTuple

MAX_LINE_BYTES = 8190
MAX_FIELD_BYTES = 16380
"""Room for the tokens of identity providers.

It isn't MAX_LINE_BYTES, so that the limit in an error says which of the two was exceeded.
"""
MAX_FIELDS = 100
MAX_HEAD_BYTES = 32 * 1024
"""Of a request's line and fields together."""
MAX_BODY_BYTES = 64 * 1024

CLIENT_TIMEOUT_SECONDS = 20.0
"""For a whole head, and a whole body."""
HANDSHAKE_SECONDS = 10.0
SLOW_READER_FACTOR = 3
"""The number of timeouts in which a client must read something: its kernel receives large pieces."""
STALLED_SECONDS = 0.5
"""A client that has read nothing for this long is disconnected when other responses need the memory."""

READ_BYTES = 32 * 1024
"""The bytes that are read from a connection at a time."""
PIECE_BYTES = 64 * 1024
"""A response is written in pieces of this size, each after the client has read those before."""
FAIR_UNSENT_BYTES = 16 * 1024
"""The unsent bytes that a connection may always have, whatever the others have."""
SEND_BUFFER_BYTES = 128 * 1024
RECEIVE_BUFFER_BYTES = 64 * 1024
"""The kernel's buffers of a connection. The kernel doubles these numbers."""

LOG_QUEUE_BYTES = 4 * 2**20
LOG_LINE_BYTES = 64 * 1024
LOG_REPEATS = 60
LOG_REPEATS_OF_REQUESTS = 20_000
LOG_WINDOW_SECONDS = 30.0
LOG_TEMPLATES = 1024
"""How many messages are counted separately in a window; all others count as one."""


class Bounds(NamedTuple):
    """Bounds on all connections to one server together."""

    connections: int
    per_address: int
    """Of these, for each IPv4 address or IPv6 /64."""
    heads_bytes: int
    """Bytes of the heads that are incomplete or being answered."""
    unsent_bytes: int
    """Unsent bytes of responses: bodies, each counted once, and connections' buffers."""

    def over_tls(self) -> "Bounds":
        """Return bounds for connections that take some 60 KiB each, rather than 9."""
        return self._replace(connections=self.connections // 2, per_address=self.per_address // 2)

    def within_open_files(self) -> "Bounds":
        """Return bounds that leave some of the process' open files for its own connections."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit == resource.RLIM_INFINITY:
            return self
        most = min(self.connections, max(1, limit - min(_OWN_FILES, limit // 2)))
        per_address = max(1, most * self.per_address // self.connections)
        return self._replace(connections=most, per_address=per_address)


_OWN_FILES = 512

OPERATOR = Bounds(connections=3000, per_address=2500, heads_bytes=32 * 2**20, unsent_bytes=48 * 2**20)
AGENT = Bounds(connections=256, per_address=96, heads_bytes=8 * 2**20, unsent_bytes=8 * 2**20)
MCP = Bounds(connections=512, per_address=384, heads_bytes=16 * 2**20, unsent_bytes=16 * 2**20)
