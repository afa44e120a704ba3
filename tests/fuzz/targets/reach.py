"""What `kubectl lens` reads on its way to a Lens: kubeconfigs, what plugins print, proxies and apiservers."""

import contextlib
import socket

from lens_client.exits import CommandError
from lens_client.reach import exec_plugin, find
from lens_client.reach.apiserver import ApiServer
from lens_client.reach.identity import Identity
from lens_client.reach.kubeconfig import contexts
from lens_client.reach.kubeconfig.entries import Cluster, User
from lens_client.transport import endpoint, proxies
from lens_client.transport.deadline import Deadline
from lens_client.transport.http import HttpClient
from tests.fuzz.target import target
from tests.fuzz.targets.callers import BY_ADMINISTRATORS
from tests.fuzz.targets.client import AT_ONCE
from tests.fuzz.workplace import FOLDER

SECONDS = 5.0


def _answers(data: bytes) -> socket.socket:
    """Return a connection to somebody who sends these bytes, and no more."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        # What is asked is read by nobody, and fits into the socket's buffer.
        return ours


@target("client-kubeconfig", longest=BY_ADMINISTRATORS)
def client_kubeconfig(data: bytes) -> None:
    """Read a kubeconfig, and what its user shows of itself. It doesn't run plugins here."""
    file = FOLDER / "client-kubeconfig"
    file.write_bytes(data)
    with contextlib.suppress(CommandError):
        contexts.names(str(file), {})
    with contextlib.suppress(CommandError, ValueError):
        found = contexts.load(str(file), None, {})
        user = found.user._replace(exec=None)
        server = endpoint.parse(found.cluster.server)
        identity = Identity(user, found.cluster, {}, server)
        identity.headers()
        identity.tls(server)


@target("exec-credential", longest=AT_ONCE)
def exec_credential(data: bytes) -> None:
    """Read what a kubeconfig's plugin prints."""
    file = FOLDER / "printed"
    file.write_bytes(data)
    plugin = {"command": "cat", "args": [str(file)], "interactiveMode": "Never"}
    with contextlib.suppress(CommandError):
        credentials = exec_plugin.run(User(exec=plugin), Cluster("c", "https://c"), {"PATH": "/usr/bin:/bin"})
        assert credentials.token or credentials.certificate


@target("client-proxy", longest=AT_ONCE)
def client_proxy(data: bytes) -> None:
    """Read what a proxy answers."""
    for scheme in ("http", "socks5"):
        with contextlib.suppress(OSError):
            proxies.connect(
                f"{scheme}://user:word@proxy:1", "lens", 80, Deadline(SECONDS), lambda *_: _answers(data)
            ).close()


class _StubApiServer(ApiServer):
    """An apiserver that answers each request with the same bytes."""

    def __init__(self, data: bytes) -> None:
        """Answer with this document."""
        server = endpoint.parse("http://127.0.0.1:1")
        super().__init__(
            server, Identity(User(), Cluster("c", server.url), {}, server), None, SECONDS, "test"
        )
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(data)
        self.http = HttpClient(server.authority, lambda _: _answers(head + data), self.headers)


@target("client-pods", longest=AT_ONCE)
def client_pods(data: bytes) -> None:
    """Look for a Lens in a list of pods."""
    for chosen in (None, "lens", "lens/lens"):
        apiserver = _StubApiServer(data)
        with contextlib.suppress(CommandError), contextlib.closing(apiserver):
            assert find.find(apiserver, chosen)
