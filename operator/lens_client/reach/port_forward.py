"""A port of a pod, through the apiserver: one WebSocket for each connection.

The protocol is the kubelet's (v4.channel.k8s.io; k8s.io/kubelet, pkg/cri/streaming/portforward). A message
starts with the number of its channel, 0 for data and 1 for an error's text. A channel starts with the port.
A tunnel ends in a pair of sockets, so that what speaks through it needs to know nothing of it.
"""

import contextlib
import errno
import os
import select
import socket
import threading
from typing import TYPE_CHECKING

from lens_client.reach.apiserver import ApiServer, KubernetesError
from lens_client.transport.deadline import Deadline
from lens_client.transport.endpoint import path
from lens_client.transport.failures import describe
from lens_client.transport.http import ProtocolError

if TYPE_CHECKING:
    from websockets.client import ClientProtocol

PROTOCOL = "v4.channel.k8s.io"

_DATA, _ERROR = 0, 1
_PORT_BYTES = 2
_CHUNK_BYTES = 64 * 1024
_SEND_SECONDS = 30.0
"""A side that reads nothing for this long is gone."""

_MAX_ERROR_BYTES = 4096

_DETACHING = threading.Lock()


class PortForward:
    """A port of a pod."""

    def __init__(self, apiserver: ApiServer, namespace: str, pod: str, port: int) -> None:
        self.apiserver, self.pod = apiserver, f"pod {namespace}/{pod}"
        target = path("api", "v1", "namespaces", namespace, "pods", pod, "portforward")
        self._target = f"{apiserver.endpoint.path}{target}?ports={port}"
        # The right to `create` is checked last (since 1.35), and this refusal doesn't say what it is about.
        self._right = f"create pods/portforward in namespace {namespace}"
        self.failure: str | None = None
        """What the kubelet said of the last connection that failed."""

    def join(self, local: socket.socket, deadline: Deadline) -> None:
        """Join a connection to the port until one side closes. Raise CommandError, and leave it open."""
        try:
            remote, protocol = self._open(deadline)
        except KubernetesError as error:
            if error.code != 401 or not self.apiserver.renew():
                raise
            remote, protocol = self._open(deadline)
        self.failure = None
        threading.Thread(target=_Tunnel(self, local, remote, protocol).run, daemon=True).start()

    def explain(self, error: OSError) -> str:
        """Return why a connection through the tunnel failed."""
        return self.failure or describe(error)

    def _open(self, deadline: Deadline) -> "tuple[socket.socket, ClientProtocol]":
        with _DETACHING:
            idle = self.apiserver.http.detach()
        try:
            if idle is not None:
                # The connection of the last request saves round trips, unless the apiserver has closed it.
                with contextlib.suppress(ConnectionError):
                    return self._upgrade(idle, deadline)
            return self._upgrade(self.apiserver.connect(deadline), deadline)
        except TimeoutError:
            raise self.apiserver.unreachable(deadline.expired()) from None
        except OSError as error:
            raise self.apiserver.unreachable(error) from None

    def _upgrade(self, remote: socket.socket, deadline: Deadline) -> "tuple[socket.socket, ClientProtocol]":
        from websockets.client import ClientProtocol
        from websockets.exceptions import InvalidStatus
        from websockets.uri import parse_uri

        endpoint = self.apiserver.endpoint
        scheme = "wss" if endpoint.scheme == "https" else "ws"
        protocol = ClientProtocol(
            parse_uri(f"{scheme}://{endpoint.authority}{self._target}"),
            subprotocols=[PROTOCOL],  # type: ignore[list-item]
            max_size=None,
        )
        request = protocol.connect()
        for name, value in self.apiserver.headers:
            request.headers[name] = value
        protocol.send_request(request)
        try:
            _shake_hands(remote, protocol, deadline)
        except InvalidStatus as error:
            remote.close()
            response = error.response
            body = bytes(response.body or b"")
            raise self.apiserver.refusal(response.status_code, body, self._right) from None
        except BaseException:
            remote.close()
            raise
        return remote, protocol


def _shake_hands(remote: socket.socket, protocol: "ClientProtocol", deadline: Deadline) -> None:
    """Wait for the WebSocket to open. Raise OSError, or InvalidStatus for an HTTP response."""
    from websockets.exceptions import InvalidStatus

    remote.settimeout(deadline.left())
    remote.sendall(b"".join(protocol.data_to_send()))
    while protocol.state.name == "CONNECTING" and protocol.handshake_exc is None:
        remote.settimeout(deadline.left())
        received = remote.recv(_CHUNK_BYTES)
        if not received:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        protocol.receive_data(received)
    refused = protocol.handshake_exc
    if isinstance(refused, InvalidStatus):
        raise refused
    if refused is not None:
        raise ProtocolError(f"it refuses a WebSocket ({refused}): a proxy in between may not support it")


class _Tunnel:
    """Copies bytes between a local socket and a WebSocket."""

    def __init__(
        self, forward: PortForward, local: socket.socket, remote: socket.socket, protocol: "ClientProtocol"
    ) -> None:
        self._forward, self._local, self._remote, self._protocol = forward, local, remote, protocol
        self._port_left = {_DATA: _PORT_BYTES, _ERROR: _PORT_BYTES}
        self._channel: int | None = None
        self._error = b""

    def run(self) -> None:
        """Copy until one side closes, then close both."""
        try:
            self._remote.settimeout(_SEND_SECONDS)
            self._local.settimeout(_SEND_SECONDS)
            # The handshake's last bytes may have had messages behind them.
            is_open = self._take_messages()
            while is_open:
                is_open = self._step()
        except OSError as error:
            self._forward.failure = self._forward.failure or describe(error)
        finally:
            self._local.close()
            self._remote.close()

    def _step(self) -> bool:
        """Wait for one of the sides, and pass on what it has. Return whether both are open."""
        pending = getattr(self._remote, "pending", None)
        if pending is not None and pending():
            # TLS has decrypted more than was read.
            return self._from_remote()
        poll = select.poll()
        poll.register(self._local, select.POLLIN)
        poll.register(self._remote, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll()}
        if self._remote.fileno() in ready and not self._from_remote():
            return False
        return self._local.fileno() not in ready or self._from_local()

    def _from_local(self) -> bool:
        data = self._local.recv(_CHUNK_BYTES)
        if data:
            self._protocol.send_binary(bytes([_DATA]) + data)
        else:
            self._protocol.send_close(1000)
        self._flush()
        return bool(data)

    def _from_remote(self) -> bool:
        received = self._remote.recv(_CHUNK_BYTES)
        if not received:
            return False
        self._protocol.receive_data(received)
        return self._take_messages()

    def _take_messages(self) -> bool:
        """Write what messages have to the local side. Return whether the WebSocket is open."""
        from websockets.frames import Frame, Opcode

        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in (Opcode.BINARY, Opcode.TEXT, Opcode.CONT):
                continue
            data = memoryview(event.data)
            if event.opcode is not Opcode.CONT:
                self._channel, data = (data[0] if data else None), data[1:]
            if self._channel in self._port_left:
                port = min(self._port_left[self._channel], len(data))
                self._port_left[self._channel] -= port
                data = data[port:]
            if self._channel == _DATA and data:
                self._local.sendall(data)
            elif self._channel == _ERROR and data and len(self._error) < _MAX_ERROR_BYTES:
                self._error += data
                text = " ".join(self._error.decode(errors="replace").split())
                self._forward.failure = f"{self._forward.pod}: {text}"
        self._flush()
        return self._protocol.state.name == "OPEN"

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._remote.sendall(data)
