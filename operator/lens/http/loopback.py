"""Which Host and Origin a server on loopback accepts.

A web page elsewhere can point its own name at 127.0.0.1 (DNS rebinding). Its requests still have that name.
"""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from multidict import MultiMapping


class ForeignNameError(Exception):
    """The request's Host or Origin is not this machine."""


def require_loopback(headers: MultiMapping[str], target: str) -> None:
    """Raise ForeignNameError unless a request's Host, and its Origin if it has one, is this machine.

    ``target`` is the request target as sent.
    """
    hosts: Sequence[str] = headers.getall("Host", [])
    if len(hosts) != 1 or not _is_loopback(f"//{hosts[0]}"):
        raise ForeignNameError("only requests for this machine by its own name are answered")
    # The absolute form takes precedence over Host (RFC 9112, 3.2.2).
    if not target.startswith(("/", "*")) and not _is_loopback(target if "://" in target else f"//{target}"):
        raise ForeignNameError("only requests for this machine by its own name are answered")
    for origin in headers.getall("Origin", []):
        if not origin.startswith(("http://", "https://")) or not _is_loopback(origin):
            raise ForeignNameError("only this machine's own pages are answered")


def _is_loopback(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        if host is None or parts.username is not None or parts.password is not None:
            return False
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
