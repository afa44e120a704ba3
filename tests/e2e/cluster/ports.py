"""Ports that a server can come back on after it was killed."""

import random
import socket
from contextlib import ExitStack
from pathlib import Path


def free(count: int) -> list[int]:
    """Return `count` free ports of 127.0.0.1, below the range that the system gives to outgoing connections.

    A port out of that range (ip(7), ip_local_port_range) could be taken by somebody's connection while its
    server is down.
    """
    end = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = random.sample(range(10_000, end), k=end - 10_000)
    found: list[int] = []
    with ExitStack() as held:
        for port in candidates:
            if len(found) == count:
                return found
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    raise OSError(f"127.0.0.1 has no {count} free ports from 10000 to {end}")
