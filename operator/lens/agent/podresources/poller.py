"""Ask the kubelet who holds which devices: its PodResources API, gRPC on a socket of the node.

Its answer has no pod UID and no init containers other than sidecars; before 1.34 or so it also lists pods
that have finished. It takes 100 requests a second from the whole node, and a response can be megabytes.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

# Its C core writes to stderr past all logging.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import msgspec

from lens.agent.podresources import wire_format
from lens.model.gpu.node_report import MOST_ALLOCATABLE, MOST_HOLDERS, Claimed, Holder, Kubelet
from lens.model.k8s.gpu_resources import GpuResources
from lens.supervisor import CountFailures, start_thread, uncounted

LIST = "/v1.PodResourcesLister/List"
GET_ALLOCATABLE = "/v1.PodResourcesLister/GetAllocatableResources"

DEADLINE_SECONDS = 2.0
ALLOCATABLE_SECONDS = 30.0
FORGET_SECONDS = 60.0
"""After so long without an answer nobody is said to hold anything: it is unknown."""

_OPTIONS = (
    # A path in the authority, gRPC's default for a socket, is refused by some servers.
    ("grpc.default_authority", "localhost"),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", 16 * 2**20),
    # A kubelet that is back after a restart is to be found within seconds, not within two minutes.
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 2000),
)

T = TypeVar("T")

_log = logging.getLogger("lens.agent.kubelet")


class Holdings(msgspec.Struct, frozen=True):
    """Who holds what, as the kubelet said last; ``number`` counts the times that it was asked.

    ``holders`` name devices by their plugin's ids alone. All is None while it is unknown. ``cut`` names
    those of the three that end at their bound.
    """

    number: int
    kubelet: Kubelet
    holders: tuple[Holder, ...] | None = None
    claimed: tuple[Claimed, ...] | None = None
    allocatable: dict[str, tuple[str, ...]] | None = None
    cut: tuple[str, ...] = ()


class Asker:
    """Ask every ``interval`` seconds, in a thread of its own, so that a slow kubelet delays nothing else."""

    def __init__(
        self,
        socket: Path,
        gpus: GpuResources,
        interval: float,
        clock: Callable[[], float] = time.time,
        count_failures: CountFailures = uncounted,
    ) -> None:
        """Take the kubelet's socket, and which resources are GPUs."""
        self._socket = socket
        self._gpus = gpus
        self._interval = interval
        self._clock = clock
        self._count_failures = count_failures
        self._stopping = threading.Event()
        self._channel: Any = None
        self._allocatable_at: float | None = None
        self._allocatable_is_cut = False
        self.holdings = Holdings(0, Kubelet(state="starting"))

    def start(self) -> None:
        """Start asking."""
        start_thread("kubelet", self._run, self._stopping, self._count_failures)

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._interval, time.monotonic())
            before = self.holdings
            try:
                self.holdings = self._ask(before)
            except Exception:
                # Until it is asked again, nobody may take the last answer for the present one.
                failure = Kubelet(state="failed", reason="the answer can't be read")
                self.holdings = self._failed(before, failure, self._clock())
                raise
            after = self.holdings.kubelet
            if after.state != before.kubelet.state:
                level = logging.INFO if after.state == "ok" else logging.WARNING
                _log.log(level, "kubelet", extra={"state": after.state, "reason": after.reason})
        if self._channel is not None:
            self._channel.close()

    def _ask(self, before: Holdings) -> Holdings:
        now = self._clock()
        try:
            pods = wire_format.read_list(self._call(LIST))
            allocatable = before.allocatable
            if self._allocatable_at is None or not 0 <= now - self._allocatable_at < ALLOCATABLE_SECONDS:
                allocatable = self._read_allocatable()
                self._allocatable_at = now
        except (grpc.RpcError, OSError, ValueError) as error:
            return self._failed(before, _failure(error), now)
        holders, claimed = _first(self._holders(pods)), _first(_claimed(pods))
        cut = {
            "holders": len(holders) > MOST_HOLDERS,
            "claimed": len(claimed) > MOST_HOLDERS,
            "allocatable": self._allocatable_is_cut,
        }
        return Holdings(
            number=before.number + 1,
            kubelet=Kubelet(state="ok", listed_at=now),
            holders=holders[:MOST_HOLDERS],
            claimed=claimed[:MOST_HOLDERS],
            allocatable=allocatable,
            cut=tuple(name for name, is_cut in cut.items() if is_cut),
        )

    def _failed(self, before: Holdings, failure: Kubelet, now: float) -> Holdings:
        listed_at = before.kubelet.listed_at
        kubelet = msgspec.structs.replace(failure, listed_at=listed_at)
        if listed_at is not None and 0 <= now - listed_at < FORGET_SECONDS:
            return msgspec.structs.replace(before, number=before.number + 1, kubelet=kubelet)
        return Holdings(before.number + 1, kubelet)

    def _call(self, method: str) -> bytes:
        """Return the answer's bytes. Raise RpcError, or OSError without a socket."""
        self._socket.stat()
        if self._channel is None:
            self._channel = grpc.insecure_channel(f"unix:{self._socket}", options=_OPTIONS)
        answer: bytes = self._channel.unary_unary(method)(b"", timeout=DEADLINE_SECONDS)
        return answer

    def _read_allocatable(self) -> dict[str, tuple[str, ...]] | None:
        """Return what can be given out; None from a kubelet that doesn't know the question (before 1.23)."""
        try:
            answer = self._call(GET_ALLOCATABLE)
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return None
            raise
        found: dict[str, list[str]] = {}
        room = MOST_ALLOCATABLE
        self._allocatable_is_cut = False
        for devices in wire_format.read_allocatable(answer):
            # One entry for each NUMA node; a resource takes room even without devices.
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


def _first(items: Iterator[T]) -> tuple[T, ...]:
    """Return as many items as are told, and one more where there are more."""
    return tuple(islice(items, MOST_HOLDERS + 1))


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


def _failure(error: Any) -> Kubelet:
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
