"""The resolver that Lenses ask for the apiserver's address: the test's own, in their own mount namespace.

They have a ``/etc/resolv.conf`` like that of a pod. It takes root: for the mount, and for port 53.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import inet_aton
from struct import pack
from typing import Literal, Self

NAME = "kubernetes.default.svc"
"""What the apiserver's certificate names besides addresses."""

DOMAIN = "cluster.local"
RESOLVER = f"127.53.{os.getpid() // 256 % 256}.{os.getpid() % 256}"
"""Port 53 is a resolver's only one, so each run has an address of its own."""

CONFIGURATION = f"""nameserver {RESOLVER}
search default.svc.{DOMAIN} svc.{DOMAIN} {DOMAIN}
options ndots:5
"""
ENTER = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"')
"""The command before a program's, with the configuration's path between them."""

Mode = Literal["right", "silent", "no such name"]
_HEADER, _A = 12, 1
_NO_ERROR, _NO_SUCH_NAME = 0x8180, 0x8183


class Names(asyncio.DatagramProtocol):
    """A DNS server that knows one name."""

    def __init__(self, folder: Path, address: str) -> None:
        """Take a folder for the configuration, and the address of the name."""
        self._configuration = folder / "resolv.conf"
        self._address = address
        self._mode: Mode = "right"
        self._transport: asyncio.DatagramTransport | None = None
        self.asked = 0

    @property
    def command(self) -> list[str]:
        """Return what a program has to be started by, to ask it."""
        return [*ENTER, str(self._configuration.resolve())]

    async def open(self) -> Self:
        """Listen."""
        self._configuration.write_text(CONFIGURATION)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, (RESOLVER, 53))
        return self

    def close(self) -> None:
        """End."""
        if self._transport is not None:
            self._transport.close()

    @contextmanager
    def answering(self, mode: Mode) -> Iterator[None]:
        """Answer otherwise while the block lasts."""
        self._mode = mode
        try:
            yield
        finally:
            self._mode = "right"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question, or don't."""
        self.asked += 1
        answer = self.answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)

    def answer(self, data: bytes) -> bytes | None:
        """Return the answer to a question (RFC 1035, 4.1): an address of version 4 for the name.

        While the resolver is silent there is None.
        """
        if self._mode == "silent":
            return None
        end = data.index(b"\0", _HEADER)
        name, question = data[_HEADER:end], data[_HEADER : end + 5]
        known = self._mode == "right" and name == _encoded(f"{NAME}.{DOMAIN}")
        if not known:
            return data[:2] + pack("!5H", _NO_SUCH_NAME, 1, 0, 0, 0) + question
        if question[-4:-2] != pack("!H", _A):
            return data[:2] + pack("!5H", _NO_ERROR, 1, 0, 0, 0) + question
        record = pack("!HHHIH", 0xC000 + _HEADER, _A, 1, 0, 4) + inet_aton(self._address)
        return data[:2] + pack("!5H", _NO_ERROR, 1, 1, 0, 0) + question + record


def can_resolve() -> bool:
    """Tell whether this process may have programs ask a resolver of its own."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    entering = subprocess.run([*ENTER, os.devnull, "true"], check=False, capture_output=True)
    return entering.returncode == 0


def _encoded(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
