"""The namespaces that hold or want GPUs: what they hold, and how much of it is idle since when.

Only nodes that changed are counted again. How long GPUs have been idle is that of the alert GpusIdle, which
begins to count when Lens first sees it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from lens.api import schemas
from lens.api.endpoints.namespace_gpus import claimed, on_node
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
    """What a namespace has on one node, or of many added up. ``percent`` is utilization times GPUs."""

    allocated: int = 0
    tasks: int = 0
    busy: int = 0
    idle: int = 0
    percent: float = 0.0
    idle_pods: tuple[_Idle, ...] = ()

    def plus(self, other: "_Part") -> "_Part":
        return _Part(
            self.allocated + other.allocated,
            self.tasks + other.tasks,
            self.busy + other.busy,
            self.idle + other.idle,
            self.percent + other.percent,
            self.idle_pods + other.idle_pods,
        )


_NOTHING = _Part()


class _Waiting(NamedTuple):
    """Pods of a namespace that aren't bound, and the GPUs that they request."""

    pods: int = 0
    gpus: int = 0


class _Counted(NamedTuple):
    occupied: NodeOccupancy
    telemetry: NodeTelemetry | None
    parts: Mapping[str, _Part]


class NamespaceList:
    """The rows of all namespaces. For use in one event loop."""

    def __init__(self, idle_percent: float) -> None:
        """GPUs up to ``idle_percent`` are idle."""
        self._idle_percent = idle_percent
        self._by_node: dict[str, _Counted] = {}

    async def rows(self, current: StateView) -> Callable[[StateView, float], list[schemas.Namespace]]:
        """Return a function that makes the rows for the latest state's alerts and an epoch second.

        What doesn't change with time is counted now, in slices.
        """
        parts, waiting = await self._count(current), _waiting(current.snapshot.pending.values())
        names = sorted(
            parts.keys() | waiting.keys(), key=lambda name: (-parts.get(name, _NOTHING).allocated, name)
        )
        counted = [(name, parts.get(name, _NOTHING), waiting.get(name, _Waiting())) for name in names]
        return lambda seen, now: [
            _row(name, part, wants, seen.alerts_and_events.idle_since, now) for name, part, wants in counted
        ]

    async def _count(self, current: StateView) -> Mapping[str, _Part]:
        nodes = current.snapshot.nodes
        counted = dict(await slices.each(lambda name: (name, self._node(name, current)), list(nodes)))
        self._by_node = counted
        total: dict[str, _Part] = {}

        def add(node: _Counted) -> None:
            for name, part in node.parts.items():
                known = total.get(name)
                total[name] = part if known is None else known.plus(part)

        await slices.each(add, counted.values())
        for name, gpus in claimed(current.snapshot.unattached.gpus).items():
            total[name] = total.get(name, _NOTHING).plus(_Part(allocated=gpus))
        return total

    def _node(self, name: str, current: StateView) -> _Counted:
        occupied, telemetry = current.snapshot.nodes[name], current.telemetry.nodes.get(name)
        known = self._by_node.get(name)
        if known is not None and known.occupied is occupied and known.telemetry is telemetry:
            return known
        return _Counted(occupied, telemetry, self._parts(occupied, telemetry))

    def _parts(self, occupied: NodeOccupancy, telemetry: NodeTelemetry | None) -> Mapping[str, _Part]:
        held = on_node(occupied)
        parts = {name: _Part(allocated=gpus) for name, gpus in held.items()}
        devices = None if telemetry is None else Devices(telemetry)
        for pod in occupied.pods:
            if pod.is_running:
                part = self._pod(pod, occupied, devices)
                parts[pod.namespace] = parts.get(pod.namespace, _NOTHING).plus(part)
        # Pods may share a GPU, or have more than the node: the sum is what is allocated.
        return {name: _within(part) for name, part in parts.items()}

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


def _waiting(pods: Iterable[Pod]) -> Mapping[str, _Waiting]:
    found: dict[str, _Waiting] = {}
    for pod in pods:
        known = found.get(pod.namespace, _Waiting())
        found[pod.namespace] = _Waiting(known.pods + 1, known.gpus + pod.gpus)
    return found


def _row(
    name: str, part: _Part, waiting: _Waiting, since: Mapping[str, float], now: float
) -> schemas.Namespace:
    measured = part.busy + part.idle
    known = [(each.gpus, since[each.id]) for each in part.idle_pods if each.id in since]
    return {
        "namespace": name,
        "allocated_gpus": part.allocated,
        "busy_gpus": part.busy,
        "idle_gpus": part.idle,
        "unmeasured_gpus": part.allocated - measured,
        "utilization": round(part.percent / measured, 1) if measured else None,
        "idle_gpu_seconds": round(sum(number * max(0.0, now - start) for number, start in known)),
        "running_tasks": part.tasks,
        "pending_pods": waiting.pods,
        "pending_gpus": waiting.gpus,
    }
