"""Proxies: which one the environment names for a server, and a connection through it.

An HTTP proxy gets a CONNECT (RFC 9110, 9.3.6) whatever the server's scheme; SOCKS5 is RFC 1928 and 1929.
"""

import socket
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from lens_client.transport.deadline import Deadline
from lens_client.transport.endpoint import Endpoint

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_MAX_HEAD_BYTES = 64 * 1024

ConnectTcp = Callable[[str, int, Deadline], socket.socket]


class ProxyError(OSError):
    """The proxy didn't connect. Its cause, if it has one, is what failed on the way to the proxy."""


def from_environment(endpoint: Endpoint, environ: Mapping[str, str]) -> str | None:
    """Return the proxy that HTTPS_PROXY or HTTP_PROXY names for a server, as Go's programs read them."""
    name = f"{endpoint.scheme}_proxy"
    proxy = environ.get(name.upper()) or environ.get(name)
    rules = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if not proxy or is_direct(endpoint.host, endpoint.port, rules):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_direct(host: str, port: int | None, rules: str) -> bool:
    """Return whether a host is this machine, or NO_PROXY names it: its address, network or domain."""
    host = host.lower().rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    for rule in (each.strip().lower() for each in rules.split(",")):
        if rule == "*":
            return True
        # The colons of an address of IPv6 are in brackets where a port follows.
        has_port = rule.count(":") == 1 or "]:" in rule
        name, _, digits = rule.rpartition(":") if has_port else (rule, "", "")
        name = name.removeprefix("*")
        if not name or (digits and digits != str(port)):
            continue
        if address is not None:
            if _covers(name, address):
                return True
        elif host == name or host.endswith(name if name.startswith(".") else f".{name}"):
            return True
    return False


def _address(text: str) -> "IPv4Address | IPv6Address | None":
    import ipaddress

    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _covers(rule: str, address: "IPv4Address | IPv6Address") -> bool:
    import ipaddress

    try:
        return address in ipaddress.ip_network(rule.strip("[]"), strict=False)
    except ValueError:
        return False


def connect(proxy: str, host: str, port: int, deadline: Deadline, connect_tcp: ConnectTcp) -> socket.socket:
    """Return a connection to a host's port through a proxy. Raise OSError."""
    parts = urlsplit(proxy)
    try:
        proxy_port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise ProxyError("its URL is no http://, https:// or socks5:// address with a valid port") from None
    if not parts.hostname:
        raise ProxyError("its URL names no host")
    where = f"the proxy {f'[{parts.hostname}]' if ':' in parts.hostname else parts.hostname}:{proxy_port}"
    try:
        connection = connect_tcp(parts.hostname, proxy_port, deadline)
    except OSError as error:
        raise ProxyError(f"{where} can't be reached") from error
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    try:
        if parts.scheme == "https":
            import ssl

            connection.settimeout(deadline.left())
            connection = ssl.create_default_context().wrap_socket(connection, server_hostname=parts.hostname)
        if parts.scheme.startswith("socks"):
            _socks5(connection, host, port, user, password, deadline)
        else:
            _tunnel(connection, host, port, user, password, deadline)
    except (ProxyError, TimeoutError):
        connection.close()
        raise
    except OSError as error:
        connection.close()
        raise ProxyError(where) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _tunnel(
    connection: socket.socket, host: str, port: int, user: str, password: str, deadline: Deadline
) -> None:
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
    if user:
        credentials = b64encode(f"{user}:{password}".encode()).decode()
        head += f"Proxy-Authorization: Basic {credentials}\r\n"
    connection.settimeout(deadline.left())
    connection.sendall(f"{head}\r\n".encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # Byte by byte: what follows the head is the server's.
        answer += _receive(connection, 1, deadline)
        if len(answer) > _MAX_HEAD_BYTES:
            raise ProxyError("the proxy's answer is too long")
    line = answer.partition(b"\r\n")[0].decode("ascii", "replace")
    words = line.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].startswith("2"):
        raise ProxyError(f"the proxy refuses: {line!a}")


def _socks5(
    connection: socket.socket, host: str, port: int, user: str, password: str, deadline: Deadline
) -> None:
    connection.settimeout(deadline.left())
    connection.sendall(b"\x05\x02\x00\x02" if user else b"\x05\x01\x00")
    version, method = _receive(connection, 2, deadline)
    if version != 5 or method not in (0, 2) or (method == 2 and not user):
        raise ProxyError("the proxy takes none of the ways to log in")
    if method == 2:
        name, secret = user.encode()[:255], password.encode()[:255]
        connection.sendall(b"\x01" + bytes([len(name)]) + name + bytes([len(secret)]) + secret)
        if _receive(connection, 2, deadline)[1] != 0:
            raise ProxyError("the proxy doesn't accept the user or the password")
    name = host.encode("idna") if not host.isascii() else host.encode()
    if len(name) > 255:
        raise ProxyError("the host's name is too long for the proxy")
    connection.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
    _, reply, _, kind = _receive(connection, 4, deadline)
    if reply != 0:
        raise ProxyError(f"the proxy can't connect to {host}:{port} (SOCKS5 reply {reply})")
    length = {1: 4, 4: 16}.get(kind) or _receive(connection, 1, deadline)[0]
    _receive(connection, length + 2, deadline)


def _receive(connection: socket.socket, length: int, deadline: Deadline) -> bytes:
    received = b""
    while len(received) < length:
        connection.settimeout(deadline.left())
        part = connection.recv(length - len(received))
        if not part:
            raise ProxyError("the proxy closed the connection")
        received += part
    return received
