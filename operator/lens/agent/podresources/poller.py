"""Poll the kubelet's PodResources API (gRPC on a unix socket of the node) for the devices of each container.

A response has no pod UIDs and no init containers other than sidecars; until about 1.34 it also lists finished
pods. The kubelet serves 100 requests a second to the whole node, and a response can have megabytes.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

# gRPC's C core writes to stderr, past Python's logging.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import msgspec

from lens.agent.podresources import wire_format
from lens.concurrency.supervisor import CountFailures, start_thread, uncounted
from lens.model.gpu.node_report import MAX_ALLOCATABLE, MAX_HOLDERS, Claimed, Holder, Kubelet
from lens.model.k8s.gpu_resources import GpuResources

LIST = "/v1.PodResourcesLister/List"
GET_ALLOCATABLE = "/v1.PodResourcesLister/GetAllocatableResources"

DEADLINE_SECONDS = 2.0
ALLOCATABLE_SECONDS = 30.0
MAX_AGE_SECONDS = 60.0
"""The age up to which the last response is reported after an error. Older allocations are unknown."""

_OPTIONS = (
    # Some servers refuse a path as the authority, which is gRPC's default for a unix socket.
    ("grpc.default_authority", "localhost"),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", 16 * 2**20),
    # gRPC's default backoff would find a restarted kubelet after up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2000),
)

T = TypeVar("T")

_log = logging.getLogger("lens.agent.kubelet")


class DeviceAllocations(msgspec.Struct, frozen=True):
    """The devices that containers hold, by the kubelet's last response; ``number`` counts the polls.

    ``holders`` name devices only by their plugin's ids. Unknown fields are None. ``cut`` names the lists that
    were truncated.
    """

    number: int
    kubelet: Kubelet
    holders: tuple[Holder, ...] | None = None
    claimed: tuple[Claimed, ...] | None = None
    allocatable: dict[str, tuple[str, ...]] | None = None
    cut: tuple[str, ...] = ()


class PodResourcesPoller:
    """Poll every ``interval`` seconds in a thread of its own, so that a slow kubelet delays nothing else."""

    def __init__(
        self,
        socket: Path,
        gpus: GpuResources,
        interval: float,
        clock: Callable[[], float] = time.time,
        count_failures: CountFailures = uncounted,
    ) -> None:
        """Poll this kubelet socket; ``gpus`` matches the GPU resources."""
        self._socket = socket
        self._gpus = gpus
        self._interval = interval
        self._clock = clock
        self._count_failures = count_failures
        self._stopping = threading.Event()
        self._channel: Any = None
        self._allocatable_at: float | None = None
        self._allocatable_is_cut = False
        self.allocations = DeviceAllocations(0, Kubelet(state="starting"))

    def start(self) -> None:
        """Start polling."""
        start_thread("kubelet", self._run, self._stopping, self._count_failures)

    def stop(self) -> None:
        """Stop polling."""
        self._stopping.set()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._interval, time.monotonic())
            before = self.allocations
            try:
                self.allocations = self._poll(before)
            except Exception:
                # Until the next poll, the last response must not count as current.
                failure = Kubelet(state="failed", reason="the answer can't be read")
                self.allocations = self._error_state(before, failure, self._clock())
                raise
            after = self.allocations.kubelet
            if after.state != before.kubelet.state:
                level = logging.INFO if after.state == "ok" else logging.WARNING
                _log.log(level, "kubelet", extra={"state": after.state, "reason": after.reason})
        if self._channel is not None:
            self._channel.close()

    def _poll(self, before: DeviceAllocations) -> DeviceAllocations:
        now = self._clock()
        try:
            pods = wire_format.decode_list(self._call(LIST))
            allocatable = before.allocatable
            if self._allocatable_at is None or not 0 <= now - self._allocatable_at < ALLOCATABLE_SECONDS:
                allocatable = self._read_allocatable()
                self._allocatable_at = now
        except (grpc.RpcError, OSError, ValueError) as error:
            return self._error_state(before, _kubelet_error(error), now)
        holders, claimed = _bounded(self._holders(pods)), _bounded(_claimed(pods))
        cut = {
            "holders": len(holders) > MAX_HOLDERS,
            "claimed": len(claimed) > MAX_HOLDERS,
            "allocatable": self._allocatable_is_cut,
        }
        return DeviceAllocations(
            number=before.number + 1,
            kubelet=Kubelet(state="ok", listed_at=now),
            holders=holders[:MAX_HOLDERS],
            claimed=claimed[:MAX_HOLDERS],
            allocatable=allocatable,
            cut=tuple(name for name, is_cut in cut.items() if is_cut),
        )

    def _error_state(self, before: DeviceAllocations, failure: Kubelet, now: float) -> DeviceAllocations:
        listed_at = before.kubelet.listed_at
        kubelet = msgspec.structs.replace(failure, listed_at=listed_at)
        if listed_at is not None and 0 <= now - listed_at < MAX_AGE_SECONDS:
            return msgspec.structs.replace(before, number=before.number + 1, kubelet=kubelet)
        return DeviceAllocations(before.number + 1, kubelet)

    def _call(self, method: str) -> bytes:
        """Return the response's bytes. Raise RpcError, or OSError without a socket."""
        self._socket.stat()
        if self._channel is None:
            self._channel = grpc.insecure_channel(f"unix:{self._socket}", options=_OPTIONS)
        response: bytes = self._channel.unary_unary(method)(b"", timeout=DEADLINE_SECONDS)
        return response

    def _read_allocatable(self) -> dict[str, tuple[str, ...]] | None:
        """Return the allocatable devices by resource; None from a kubelet before 1.23, without the method."""
        try:
            response = self._call(GET_ALLOCATABLE)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return None
            raise
        found: dict[str, list[str]] = {}
        room = MAX_ALLOCATABLE
        self._allocatable_is_cut = False
        for devices in wire_format.decode_allocatable(response):
            # A resource has one entry for each NUMA node, and counts as one device if it has none.
            if not self._is_gpu(devices.resource_name):
                continue
            needed = max(1, len(devices.device_ids))
            if needed > room:
                self._allocatable_is_cut = True
            if room > 0:
                found.setdefault(devices.resource_name, []).extend(devices.device_ids[:room])
            room -= needed
        return {resource: tuple(ids) for resource, ids in found.items()}

    def _holders(self, pods: list[wire_format.PodResources]) -> Iterator[Holder]:
        return (
            Holder(
                namespace=pod.namespace,
                pod=pod.name,
                container=container.name,
                resource=devices.resource_name,
                device_id=device_id,
            )
            for pod in pods
            for container in pod.containers
            for devices in container.devices
            if self._is_gpu(devices.resource_name)
            for device_id in devices.device_ids
        )

    def _is_gpu(self, resource: str) -> bool:
        return bool(self._gpus.units({resource: 1}))


def _bounded(items: Iterator[T]) -> tuple[T, ...]:
    """Return up to MAX_HOLDERS items, and one more if the list is longer."""
    return tuple(islice(items, MAX_HOLDERS + 1))


def _claimed(pods: list[wire_format.PodResources]) -> Iterator[Claimed]:
    return (
        Claimed(
            namespace=pod.namespace,
            pod=pod.name,
            container=container.name,
            claim=dynamic.claim_name,
            driver=each.driver_name,
            pool=each.pool_name,
            device=each.device_name,
            share_id=each.share_id,
        )
        for pod in pods
        for container in pod.containers
        for dynamic in container.dynamic_resources
        for each in dynamic.claim_resources
    )


def _kubelet_error(error: Any) -> Kubelet:
    if isinstance(error, FileNotFoundError):
        return Kubelet(state="missing", reason="there is no such socket")
    if isinstance(error, OSError):
        return Kubelet(state="unreachable", reason=error.strerror)
    if isinstance(error, ValueError):
        return Kubelet(state="failed", reason="the answer can't be read")
    code = error.code()
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return Kubelet(state="slow", reason=f"no answer within {DEADLINE_SECONDS:g} s")
    state: Literal["unreachable", "failed"] = (
        "unreachable" if code == grpc.StatusCode.UNAVAILABLE else "failed"
    )
    return Kubelet(state=state, reason=code.name)
