"""A TCP connection to a server, directly or through a proxy, with TLS where its URL says so."""

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

from lens_client.transport import proxies
from lens_client.transport.deadline import Deadline
from lens_client.transport.endpoint import Endpoint

if TYPE_CHECKING:
    import ssl


def connect(
    endpoint: Endpoint,
    deadline: Deadline,
    tls: "ssl.SSLContext | None" = None,
    server_name: str | None = None,
    proxy: str | None = None,
) -> socket.socket:
    """Return a connection to ``endpoint``, whose certificate has to name ``server_name``. Raise OSError."""
    if proxy is None:
        connection = connect_tcp(endpoint.host, endpoint.port, deadline)
    else:
        connection = proxies.connect(proxy, endpoint.host, endpoint.port, deadline, connect_tcp)
    try:
        if endpoint.scheme == "https":
            assert tls is not None
            connection.settimeout(deadline.left())
            connection = tls.wrap_socket(connection, server_hostname=server_name or endpoint.host)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_tcp(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Try the addresses of a host one after another, each for its share of the time. Raise OSError."""
    addresses = _resolve(host, port, deadline)
    failure: OSError = OSError(f"{host} has no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(deadline.left() / (len(addresses) - index))
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
    raise failure


def _resolve(host: str, port: int, deadline: Deadline) -> list[Any]:
    with contextlib.suppress(OSError, UnicodeError):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    # The resolver has no bound of its own, and takes no signals while it waits.
    found: list[list[Any] | OSError] = []

    def resolve() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except UnicodeError:
            found.append(OSError(f"{host!a} is no host's name"))
        except OSError as error:
            found.append(error)

    thread = threading.Thread(target=resolve, daemon=True)
    thread.start()
    thread.join(deadline.left())
    if not found:
        raise deadline.expired()
    if isinstance(found[0], OSError):
        raise found[0]
    return found[0]
