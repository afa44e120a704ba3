"""A kubelet's PodResources API: gRPC on a unix socket, with the answers that a test or the demo sets.

Source: k8s.io/kubelet/pkg/apis/podresources/v1/api.proto (1.37).
"""

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Its C core writes to stderr past all logging.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc

_SERVICE = "v1.PodResourcesLister"


@dataclass(frozen=True)
class Claim:
    """A device that a container has by a ResourceClaim."""

    claim: str
    driver: str
    pool: str
    device: str
    share_id: str | None = None
    namespace: str = ""


@dataclass(frozen=True)
class Container:
    """A container, its devices by resource, and its claims."""

    name: str
    devices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    claims: Sequence[Claim] = ()


@dataclass(frozen=True)
class Pod:
    """A pod on the node, with or without devices."""

    namespace: str
    name: str
    containers: Sequence[Container] = ()


class PodResourcesServer:
    """Serve one node. Everything may be changed while it runs."""

    def __init__(self, socket: Path) -> None:
        """Take the socket's path."""
        self.socket = socket
        self.pods: Sequence[Pod] = ()
        self.allocatable: Mapping[str, Sequence[str]] = {}
        self.delay_seconds = 0.0
        self.refusal: grpc.StatusCode | None = None
        self.garbage: bytes | None = None
        self.lists = 0
        self._stopping = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4, thread_name_prefix="podresources"))
        handlers = {
            "List": grpc.unary_unary_rpc_method_handler(self._list),
            "GetAllocatableResources": grpc.unary_unary_rpc_method_handler(self._get_allocatable),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
        self._server.add_insecure_port(f"unix:{socket}")

    def start(self) -> None:
        """Listen."""
        self._server.start()

    def stop(self) -> None:
        """Stop listening, and end what is under way."""
        self._stopping.set()
        self._server.stop(grace=None).wait()

    def _list(self, _request: bytes, context: Any) -> bytes:
        self.lists += 1
        return self._answer(context, b"".join(_message(1, _pod(pod)) for pod in self.pods))

    def _get_allocatable(self, _request: bytes, context: Any) -> bytes:
        return self._answer(context, b"".join(_message(1, each) for each in _devices(self.allocatable)))

    def _answer(self, context: Any, message: bytes) -> bytes:
        self._stopping.wait(self.delay_seconds)
        if self.refusal is not None:
            context.abort(self.refusal, "refused by the test")
        return message if self.garbage is None else self.garbage


def _pod(pod: Pod) -> bytes:
    return (
        _text(1, pod.name)
        + _text(2, pod.namespace)
        + b"".join(_message(3, _container(each)) for each in pod.containers)
    )


def _container(container: Container) -> bytes:
    return (
        _text(1, container.name)
        + b"".join(_message(2, each) for each in _devices(container.devices))
        + b"".join(_message(5, _claim(each)) for each in container.claims)
    )


def _devices(devices: Mapping[str, Sequence[str]]) -> Iterable[bytes]:
    for resource, ids in devices.items():
        yield _text(1, resource) + b"".join(_text(2, each) for each in ids)


def _claim(claim: Claim) -> bytes:
    resource = _text(2, claim.driver) + _text(3, claim.pool) + _text(4, claim.device)
    if claim.share_id is not None:
        resource += _text(5, claim.share_id)
    return _text(2, claim.claim) + _text(3, claim.namespace) + _message(4, resource)


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode())


def _message(number: int, message: bytes) -> bytes:
    """Write a field that has a length: a message, or text."""
    return _varint(number << 3 | 2) + _varint(len(message)) + message


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])
