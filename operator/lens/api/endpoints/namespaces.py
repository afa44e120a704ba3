"""The namespaces that hold or request GPUs: what they hold, how much of it is idle, and for how long.

Only nodes that changed are counted again. The idle time is that of the alert GpusIdle, which begins when Lens
first sees idle GPUs. Work that grows with the number of namespaces is done in slices. Idle times are the
exception: they are added to each response, also to one from the cache.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from heapq import merge
from typing import NamedTuple

import msgspec

from lens.api.endpoints.namespace_gpus import claimed, on_node
from lens.api.schemas.status import Namespace
from lens.concurrency import slices
from lens.model.alerts.pod_rules import idle_id
from lens.model.cluster_state import StateView
from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.occupancy.pod_usage import Devices, utilization_percent


class _Idle(NamedTuple):
    """A pod whose GPUs are idle: the id of its alert's condition, and its GPUs."""

    id: str
    gpus: int


class _Part(NamedTuple):
    """A namespace's GPUs on one node, or on all of them. ``percent`` is utilization times GPUs."""

    allocated: int = 0
    tasks: int = 0
    busy: int = 0
    idle: int = 0
    percent: float = 0.0
    idle_pods: tuple[_Idle, ...] = ()

    @classmethod
    def of(cls, parts: Sequence["_Part"]) -> "_Part":
        """Return the sum of parts."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            sum(each.allocated for each in parts),
            sum(each.tasks for each in parts),
            sum(each.busy for each in parts),
            sum(each.idle for each in parts),
            sum(each.percent for each in parts),
            tuple(idle for each in parts for idle in each.idle_pods),
        )


_NOTHING = _Part()

_RUN = 1000
"""Names that are sorted at once."""

_MARK = msgspec.Raw(b"\0")
"""The placeholder of a row's idle time. JSON has no such byte."""

_encode = msgspec.json.Encoder().encode


class _Waiting(NamedTuple):
    """Pods of a namespace that aren't bound, and the GPUs that they request."""

    pods: int = 0
    gpus: int = 0


class _Encoded(NamedTuple):
    """A row in JSON; if pods are idle, in two parts around the idle time."""

    before: bytes
    idle_pods: tuple[_Idle, ...] = ()
    after: bytes = b""


class _Counted(NamedTuple):
    occupied: NodeOccupancy
    telemetry: NodeTelemetry | None
    parts: Mapping[str, _Part]


class NamespaceList:
    """The rows of all namespaces. For use in one event loop."""

    def __init__(self, idle_percent: float) -> None:
        """Take the utilization in percent up to which GPUs are idle."""
        self._idle_percent = idle_percent
        self._by_node: dict[str, _Counted] = {}

    async def rows(self, current: StateView) -> Callable[[StateView, float], msgspec.Raw]:
        """Return a function that returns the rows in JSON, for the latest state's alerts and an epoch second.

        What doesn't change with time is made now.
        """
        parts = await self._count(current)
        waiting = await _waiting(current.snapshot.pending.values())
        in_order = await _sorted(parts, waiting)
        rows = await slices.each(
            lambda name: _row(name, parts.get(name, _NOTHING), waiting.get(name, _Waiting())), in_order
        )
        return partial(_joined, rows)

    async def _count(self, current: StateView) -> Mapping[str, _Part]:
        nodes = current.snapshot.nodes
        counted = dict(await slices.each(lambda name: (name, self._node(name, current)), list(nodes)))
        self._by_node = counted
        found: dict[str, list[_Part]] = {}

        def add(node: _Counted) -> None:
            for name, part in node.parts.items():
                found.setdefault(name, []).append(part)

        await slices.each(add, counted.values())
        for name, gpus in claimed(current.snapshot.unattached.gpus).items():
            found.setdefault(name, []).append(_Part(allocated=gpus))
        return dict(await slices.each(lambda item: (item[0], _Part.of(item[1])), found.items()))

    def _node(self, name: str, current: StateView) -> _Counted:
        occupied, telemetry = current.snapshot.nodes[name], current.telemetry.nodes.get(name)
        known = self._by_node.get(name)
        if known is not None and known.occupied is occupied and known.telemetry is telemetry:
            return known
        return _Counted(occupied, telemetry, self._parts(occupied, telemetry))

    def _parts(self, occupied: NodeOccupancy, telemetry: NodeTelemetry | None) -> Mapping[str, _Part]:
        parts = {name: [_Part(allocated=gpus)] for name, gpus in on_node(occupied).items()}
        devices = None if telemetry is None else Devices(telemetry)
        for pod in occupied.pods:
            if pod.is_running:
                parts.setdefault(pod.namespace, []).append(self._pod(pod, occupied, devices))
        # Pods may share a GPU, or have more than the node: the sum is what is allocated.
        return {name: _within(_Part.of(each)) for name, each in parts.items()}

    def _pod(self, pod: Pod, occupied: NodeOccupancy, devices: Devices | None) -> _Part:
        shared = occupied.parts.get(pod.path)
        gpus = pod.gpus if shared is None else shared.gpus
        percent = None if devices is None else utilization_percent(pod, devices, shared)
        if percent is None:
            return _Part(tasks=1)
        if percent <= self._idle_percent:
            return _Part(tasks=1, idle=gpus, percent=percent * gpus, idle_pods=(_Idle(idle_id(pod), gpus),))
        return _Part(tasks=1, busy=gpus, percent=percent * gpus)


def _within(part: _Part) -> _Part:
    measured = part.busy + part.idle
    busy = min(part.busy, part.allocated)
    idle = min(part.idle, part.allocated - busy)
    percent = part.percent * (busy + idle) / measured if measured else 0.0
    return part._replace(busy=busy, idle=idle, percent=percent)


async def _waiting(pods: Iterable[Pod]) -> Mapping[str, _Waiting]:
    found: dict[str, _Waiting] = {}

    def add(pod: Pod) -> None:
        known = found.get(pod.namespace, _Waiting())
        found[pod.namespace] = _Waiting(known.pods + 1, known.gpus + pod.gpus)

    await slices.each(add, pods)
    return found


async def _sorted(parts: Mapping[str, _Part], waiting: Mapping[str, _Waiting]) -> Sequence[str]:
    """Return the names of all, those with the most GPUs first."""
    keys = await slices.each(lambda name: (-parts.get(name, _NOTHING).allocated, name), {**parts, **waiting})
    runs = [keys[start : start + _RUN] for start in range(0, len(keys), _RUN)]
    return await slices.each(lambda key: key[1], merge(*await slices.each(sorted, runs)))


def _row(name: str, part: _Part, waiting: _Waiting) -> _Encoded:
    measured = part.busy + part.idle
    row: Namespace = {
        "namespace": name,
        "allocated_gpus": part.allocated,
        "busy_gpus": part.busy,
        "idle_gpus": part.idle,
        "unmeasured_gpus": part.allocated - measured,
        "utilization": round(part.percent / measured, 1) if measured else None,
        "idle_gpu_seconds": 0,
        "running_tasks": part.tasks,
        "pending_pods": waiting.pods,
        "pending_gpus": waiting.gpus,
    }
    if not part.idle_pods:
        return _Encoded(_encode(row))
    before, _, after = _encode({**row, "idle_gpu_seconds": _MARK}).partition(_MARK)
    return _Encoded(before, part.idle_pods, after)


def _joined(rows: Iterable[_Encoded], latest: StateView, now: float) -> msgspec.Raw:
    since = latest.alerts_and_events.idle_since
    return msgspec.Raw(
        b"[%b]"
        % b",".join(
            b"%b%d%b" % (each.before, _idle_seconds(each.idle_pods, since, now), each.after)
            if each.idle_pods
            else each.before
            for each in rows
        )
    )


def _idle_seconds(pods: Iterable[_Idle], since: Mapping[str, float], now: float) -> int:
    """Return the sum of how long each GPU has been idle."""
    known = ((each.gpus, since[each.id]) for each in pods if each.id in since)
    return round(sum(gpus * max(0.0, now - start) for gpus, start in known))
