"""Ports of pods over WebSockets, as the kubelet serves them (k8s.io/kubelet, pkg/cri/streaming/portforward).

Of its protocols there is v4.channel.k8s.io; kubectl's own, SPDY in a WebSocket, isn't served.
"""

import asyncio
import contextlib
import os
from collections.abc import Mapping

from aiohttp import WSMsgType, web

from lens_sim.apiserver import status
from lens_sim.objects.resources import PODS, Resource

PROTOCOL = "v4.channel.k8s.io"
PORT_FORWARDS = Resource("pods/portforward", "PodPortForwardOptions", True, (), {})
"""The resource of which a user needs `get` and `create`."""

_DATA, _ERROR = b"\0", b"\1"
_CHUNK_BYTES = 32 * 1024

Address = tuple[str, int]


class PortForwards:
    """The addresses at which pods' programs listen, by `namespace/name`; a test may change them."""

    def __init__(self) -> None:
        self.addresses: dict[str, Address] = {}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Join a WebSocket to the program of a pod; StatusError for a request that isn't one."""
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise status.bad_request("Upgrade request required")
        address = self.addresses.get(f"{namespace}/{name}")
        if address is None:
            raise status.not_found(PODS, name)
        port = _port(request.query)
        socket = web.WebSocketResponse(protocols=(PROTOCOL,))
        await socket.prepare(request)
        for channel in (_DATA, _ERROR):
            await socket.send_bytes(channel + port.to_bytes(2, "little"))
        try:
            reader, writer = await asyncio.open_connection(*address)
        except OSError as error:
            reason = f"failed to connect to localhost:{port}: {os.strerror(error.errno or 0)}"
            await socket.send_bytes(_ERROR + f"error forwarding port {port} to pod {name}: {reason}".encode())
        else:
            await _join(socket, reader, writer)
        await socket.close()
        return socket


def _port(query: Mapping[str, str]) -> int:
    try:
        # The apiserver's parameter, and the one by which it passes it on to the kubelet.
        return int(query.get("ports") or query["port"])
    except (KeyError, ValueError):
        raise status.bad_request('query parameter "ports" is required') from None


async def _join(
    socket: web.WebSocketResponse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async def to_program() -> None:
        async for message in socket:
            if message.type is WSMsgType.BINARY and message.data[:1] == _DATA:
                writer.write(message.data[1:])
                await writer.drain()

    async def from_program() -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await socket.send_bytes(_DATA + data)

    tasks = [asyncio.ensure_future(to_program()), asyncio.ensure_future(from_program())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        writer.close()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task
