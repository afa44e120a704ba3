"""The address that a server listens on."""

import errno
import ipaddress
import os
import re
import socket
from typing import Self

from lens.config.errors import ListenError


class ListenAddress(str):
    """``host:port``; an IPv6 host in brackets; port 0 lets the system pick."""

    @property
    def host(self) -> str:
        """Return the host without brackets."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Return the port."""
        return int(self.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach it."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    def listen(self, setting: str, backlog: int) -> socket.socket:
        """Return a listening socket; that of ``::`` takes IPv4 too. Raise ListenError, naming the setting."""
        ipv6 = ":" in self.host
        try:
            return socket.create_server(
                (self.host, self.port),
                family=socket.AF_INET6 if ipv6 else socket.AF_INET,
                backlog=backlog,
                dualstack_ipv6=self.host == "::" and socket.has_dualstack_ipv6(),
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            if error.errno == errno.EADDRINUSE:
                reason += ": choose another port, or 0 for any"
            raise ListenError(f"{setting}: can't listen on {self}: {reason}") from error

    @classmethod
    def parse(cls, text: object) -> Self:
        """Check ``host:port``. Raise ValueError for anything else."""
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[0-9.]+|localhost):([0-9]{1,5})", str(text))
        if match is None or int(match[2]) > 65535:
            raise ValueError("is an address and a port, such as 127.0.0.1:8080 or [::]:8080")
        if match[1] != "localhost":
            ipaddress.ip_address(match[1].strip("[]"))
        return cls(text)
