"""What others may take of a process over HTTP and in its log: bytes, numbers and seconds.

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
"""How many timeouts a client has to take some of a response: the kernel takes it in large pieces."""
STALLED_SECONDS = 0.5
"""A client that has taken nothing for this long is disconnected when other responses need the memory."""

READ_BYTES = 32 * 1024
"""What is read of a connection at a time."""
PIECE_BYTES = 64 * 1024
"""An answer is written in pieces of this, each once the client has taken those before."""
FAIR_UNSENT_BYTES = 16 * 1024
"""What a connection may have waiting to be taken however much others have."""
SEND_BUFFER_BYTES = 128 * 1024
RECEIVE_BUFFER_BYTES = 64 * 1024
"""What the kernel keeps for a connection; it takes twice as much."""

LOG_QUEUE_BYTES = 4 * 2**20
LOG_LINE_BYTES = 64 * 1024
LOG_REPEATS = 60
LOG_REPEATS_OF_REQUESTS = 20_000
LOG_WINDOW_SECONDS = 30.0
LOG_TEMPLATES = 1024
"""How many messages are counted separately in a window; all others count as one."""


class Bounds(NamedTuple):
    """What connections to one server may take, all together."""

    connections: int
    per_address: int
    """Of these, for each IPv4 address or IPv6 /64."""
    heads_bytes: int
    """Heads that aren't whole yet, or are being answered, as they are kept."""
    unsent_bytes: int
    """Answers, each counted once, and what connections have not taken of them."""

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
