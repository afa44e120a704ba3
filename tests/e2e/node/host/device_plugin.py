"""A device plugin that has GPUs to give out, as NVIDIA's does: it registers with the kubelet and serves it.

Source: k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto (1.37). The few messages are written by hand.
"""

import os
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# Its C core writes to stderr past all logging.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

from tests.e2e.node.commands import eventually

FOLDER = Path("/var/lib/kubelet/device-plugins")
ENDPOINT = "lens-e2e.sock"
RESOURCE = "nvidia.com/gpu"

_DEVICE_ID = re.compile(rb"GPU-[0-9a-f-]{36}")
# A path in the authority, gRPC's default for a socket, is refused by some servers.
_OPTIONS = (
    ("grpc.default_authority", "localhost"),
    ("grpc.enable_http_proxy", 0),
    # Another kubelet on the same socket is another server, which knows of no earlier failures.
    ("grpc.use_local_subchannel_pool", 1),
)


class DevicePlugin:
    """Gives out `uuids`, of which those in `unhealthy` are not to be used."""

    def __init__(self, uuids: Sequence[str]) -> None:
        self.uuids = uuids
        self._unhealthy: frozenset[str] = frozenset()
        self._changed = threading.Condition()
        self._server: Any = None

    def start(self) -> None:
        """Serve, and register with the kubelet, which removes all sockets as it starts."""
        eventually(_kubelet_listens, "kubelet that device plugins can register with")
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4, thread_name_prefix="device-plugin"))
        handlers = {
            "GetDevicePluginOptions": grpc.unary_unary_rpc_method_handler(lambda _request, _context: b""),
            "ListAndWatch": grpc.unary_stream_rpc_method_handler(self._list_and_watch),
            "Allocate": grpc.unary_unary_rpc_method_handler(_allocate),
        }
        service = grpc.method_handlers_generic_handler("v1beta1.DevicePlugin", handlers)
        self._server.add_generic_rpc_handlers((service,))
        self._server.add_insecure_port(f"unix:{FOLDER / ENDPOINT}")
        self._server.start()
        request = _text(1, "v1beta1") + _text(2, ENDPOINT) + _text(3, RESOURCE)
        with grpc.insecure_channel(f"unix:{FOLDER / 'kubelet.sock'}", options=_OPTIONS) as channel:
            channel.unary_unary("/v1beta1.Registration/Register")(request, timeout=10)

    def stop(self) -> None:
        """Serve no more."""
        self._server.stop(grace=None).wait()

    def fail(self, *uuids: str) -> None:
        """Call these GPUs unhealthy, and no others."""
        with self._changed:
            self._unhealthy = frozenset(uuids)
            self._changed.notify_all()

    def _list_and_watch(self, _request: bytes, context: Any) -> Iterator[bytes]:
        told: frozenset[str] | None = None
        while context.is_active():
            with self._changed:
                if self._unhealthy == told:
                    self._changed.wait(timeout=1)
                unhealthy = self._unhealthy
            if unhealthy != told:
                told = unhealthy
                yield b"".join(_message(1, _device(each, each not in unhealthy)) for each in self.uuids)


def _kubelet_listens() -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(FOLDER / "kubelet.sock")) == 0


def _allocate(request: bytes, _context: Any) -> bytes:
    """Tell the container its GPUs as NVIDIA's plugin does; the kubelet asks for one container at a time."""
    given = b",".join(_DEVICE_ID.findall(request)).decode()
    variable = _text(1, "NVIDIA_VISIBLE_DEVICES") + _text(2, given)
    return _message(1, _message(1, variable))


def _device(uuid: str, healthy: bool) -> bytes:
    return _text(1, uuid) + _text(2, "Healthy" if healthy else "Unhealthy")


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())


def _message(number: int, message: bytes) -> bytes:
    """Write a field that has a length (https://protobuf.dev/programming-guides/encoding/)."""
    return bytes([number << 3 | 2]) + _varint(len(message)) + message


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
