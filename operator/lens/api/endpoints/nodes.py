"""``/api/v1/realtime/nodes``: the nodes with GPUs; and below it one node, with each of its GPUs.

Data of an agent or exporter takes precedence over what pods' statuses say of their GPUs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from lens.api.endpoints.capacity import capacity_row
from lens.api.endpoints.dra_gpus import MEASURED, NO_TELEMETRY, with_dra
from lens.api.endpoints.status import node_row
from lens.api.errors import not_found
from lens.api.lists.list_queue import ListQueue
from lens.api.lists.listing import NODES, Listing, Rows, Sort
from lens.api.parameters.nodes import NodeParameters, NodesParameters
from lens.api.schemas.node_detail import Gpu, GpuHolder, NodeDetail
from lens.api.schemas.node_detail import NodeTelemetry as NodeTelemetryRow
from lens.api.schemas.nodes import Node
from lens.model.alerts.alert import counted
from lens.model.cluster_state import StateView
from lens.model.gpu.node_report import Holder
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.inventory.list_index import nodes
from lens.model.inventory.occupancy.allocated_gpus import AllocatedGpu, named_gpus
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.k8s import timestamps

GpuState = Literal["allocated", "unhealthy", "unavailable", "available"]


_encode = msgspec.json.Encoder().encode

SORTS: Mapping[str, Sort[NodeOccupancy]] = {
    "available_gpus": Sort(lambda _, node: node.states.available, int),
    "allocated_gpus": Sort(lambda _, node: node.states.allocated, int),
    "total_gpus": Sort(lambda _, node: node.states.total, int),
}


def node_list(queue: ListQueue) -> Listing[NodesParameters, NodeOccupancy]:
    """Return the list of nodes; long lists wait in ``queue``."""
    return Listing(
        kind=NODES,
        source=nodes,
        sorts=SORTS,
        rows=_ROWS,
        rows_of=_rows_of,
        columns=tuple(Node.__annotations__),
        queue=queue,
    )


async def _rows_of(
    _current: StateView, params: NodesParameters, _entries: Sequence[NodeOccupancy]
) -> Rows[NodeOccupancy]:
    return _ROWS if params.view is None else _CAPACITY_ROWS


def _row(occupied: NodeOccupancy, current: StateView, _now: int) -> Node:
    return node_row(occupied, current.telemetry.nodes.get(occupied.name))


def _encode_rows(entries: Sequence[NodeOccupancy], current: StateView, _total: int, now: int) -> bytes:
    return b",".join(_encode(_row(each, current, now)) for each in entries)


def _capacity_row(occupied: NodeOccupancy, current: StateView, now: int) -> Mapping[str, Any]:
    return capacity_row(_row(occupied, current, now))


def _encode_capacity_rows(
    entries: Sequence[NodeOccupancy], current: StateView, _total: int, now: int
) -> bytes:
    return b",".join(_encode(_capacity_row(each, current, now)) for each in entries)


_ROWS = Rows(_encode_rows, _row)
_CAPACITY_ROWS = Rows(_encode_capacity_rows, _capacity_row, "-capacity")


def node_detail(current: StateView, params: NodeParameters) -> NodeDetail:
    """Return a node with its GPUs. Raise an ApiError for an unknown node."""
    occupied = current.snapshot.nodes.get(params.name)
    if occupied is None:
        raise not_found("Node")
    telemetry = current.telemetry.nodes.get(params.name)
    allocated = named_gpus((*occupied.pods, *(each.pod for each in occupied.reservations)))
    gpus = [_allocated_gpu(gpu, current.current_at) for gpu in allocated.values()]
    if telemetry is not None and telemetry.gpus:
        gpus = [
            _gpu(gpu, telemetry, allocated, takes_gpu_pods=occupied.takes_gpu_pods) for gpu in telemetry.gpus
        ]
    gpus = with_dra(gpus, occupied, telemetry, current.current_at)
    return {
        "cluster": params.cluster,
        "timestamp": timestamps.render(current.current_at),
        "node": node_row(occupied, telemetry),
        "telemetry": None if telemetry is None else _telemetry(telemetry, occupied),
        "gpus": gpus,
    }


def _telemetry(telemetry: NodeTelemetry, occupied: NodeOccupancy) -> NodeTelemetryRow:
    lacking = occupied.unreported_gpus(telemetry)
    total = counted(occupied.reportable_gpus(telemetry.source) or 0, "GPU")
    problems = [f"lacks {lacking} of {total}" if lacking else None]
    return {
        "source": telemetry.source,
        "state": telemetry.state,
        "problem": "; ".join(filter(None, [telemetry.problem, *problems])) or None,
        "sampled_at": None if telemetry.sampled_at is None else timestamps.render(telemetry.sampled_at),
    }


def _gpu(
    gpu: GpuTelemetry,
    telemetry: NodeTelemetry,
    allocated: Mapping[str, AllocatedGpu],
    *,
    takes_gpu_pods: bool,
) -> Gpu:
    holders = list(telemetry.holders_of(gpu))
    if telemetry.holders is None and gpu.uuid is not None and gpu.uuid in allocated:
        holders = list(allocated[gpu.uuid].holders)
    return {
        "source": telemetry.source,
        "index": gpu.index,
        "uuid": gpu.uuid,
        "product": gpu.product,
        "state": _state(gpu, held=bool(holders), takes_gpu_pods=takes_gpu_pods),
        "holders": _holders(holders),
        "utilization": gpu.utilization_percent,
        "memory_used_bytes": gpu.memory_used_bytes,
        "memory_total_bytes": gpu.memory_total_bytes,
        "temperature_celsius": gpu.temperature_celsius,
        "power_watts": gpu.power_watts,
        "health": gpu.health.state,
        "health_because": list(gpu.health.because),
        "recovery_action": gpu.recovery_action,
        "instances": [
            {
                "uuid": instance.uuid,
                "profile": instance.profile,
                "utilization": instance.utilization_percent,
                "memory_used_bytes": instance.memory_used_bytes,
                "memory_total_bytes": instance.memory_total_bytes,
            }
            for instance in gpu.instances
        ],
        "sampled_at": timestamps.render(gpu.sampled_at),
        "reasons": dict(gpu.reasons),
    }


def _allocated_gpu(gpu: AllocatedGpu, current_at: float) -> Gpu:
    """Return a GPU that only the statuses of its pods name."""
    return {
        "source": "pods",
        "index": None,
        "uuid": gpu.uuid,
        "product": None,
        "state": "allocated",
        "holders": _holders(gpu.holders),
        "utilization": None,
        "memory_used_bytes": None,
        "memory_total_bytes": None,
        "temperature_celsius": None,
        "power_watts": None,
        "health": gpu.health.state,
        "health_because": list(gpu.health.because),
        "recovery_action": None,
        "instances": [],
        "sampled_at": timestamps.render(current_at),
        "reasons": dict.fromkeys(MEASURED, NO_TELEMETRY),
    }


def _holders(holders: Iterable[Holder]) -> list[GpuHolder]:
    return [
        {
            "namespace": holder.namespace,
            "pod": holder.pod,
            "container": holder.container,
            "instance_uuid": holder.instance_uuid,
        }
        for holder in holders
    ]


def _state(gpu: GpuTelemetry, *, held: bool, takes_gpu_pods: bool) -> GpuState:
    if held:
        return "allocated"
    if gpu.health.state in ("critical", "lost"):
        return "unhealthy"
    return "available" if takes_gpu_pods else "unavailable"
