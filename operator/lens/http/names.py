"""The names of this machine: what a browser may ask a server on loopback for, and from which pages.

A page elsewhere can have its own name lead to 127.0.0.1 (DNS rebinding). Its requests still say that name.
"""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from multidict import MultiMapping


class ForeignNameError(Exception):
    """The request is for another name than this machine's, or from a page of another's."""


def require_loopback(headers: MultiMapping[str], target: str) -> None:
    """Raise ForeignNameError unless a request is for this machine, from its own pages or from none.

    ``target`` is as it was sent.
    """
    hosts: Sequence[str] = headers.getall("Host", [])
    if len(hosts) != 1 or not _is_loopback(f"//{hosts[0]}"):
        raise ForeignNameError("only requests for this machine by its own name are answered")
    # The absolute form goes before Host (RFC 9112, 3.2.2).
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
