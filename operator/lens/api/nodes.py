"""``/api/v1/realtime/nodes/{name}``: one node, GPU by GPU."""

from typing import Literal

from lens.api import schemas
from lens.api.errors import not_found
from lens.api.parameters import NodeParameters
from lens.api.status import node
from lens.model import timestamps
from lens.model.board import Notice
from lens.model.telemetry import GpuTelemetry, NodeTelemetry

GpuState = Literal["allocated", "unhealthy", "unavailable", "available"]


def node_detail(notice: Notice, asked: NodeParameters, _now: float) -> schemas.NodeDetail:
    """Return a node with its GPUs. Raise an ApiError if there is none of that name."""
    occupied = notice.snapshot.nodes.get(asked.name)
    if occupied is None:
        raise not_found("Node")
    told = notice.telemetry.nodes.get(asked.name)
    return {
        "cluster": asked.cluster,
        "timestamp": timestamps.render(notice.current_at),
        "node": node(occupied, told),
        "telemetry": None if told is None else _telemetry(told),
        "gpus": []
        if told is None
        else [_gpu(gpu, told, takes_gpu_pods=occupied.takes_gpu_pods) for gpu in told.gpus],
    }


def _telemetry(told: NodeTelemetry) -> schemas.NodeTelemetry:
    return {
        "source": told.source,
        "state": told.state,
        "problem": told.problem,
        "sampled_at": None if told.sampled_at is None else timestamps.render(told.sampled_at),
    }


def _gpu(gpu: GpuTelemetry, told: NodeTelemetry, *, takes_gpu_pods: bool) -> schemas.Gpu:
    holders = list(told.holders_of(gpu))
    return {
        "index": gpu.index,
        "uuid": gpu.uuid,
        "product": gpu.product,
        "state": _state(gpu, held=bool(holders), takes_gpu_pods=takes_gpu_pods),
        "holders": [
            {
                "namespace": holder.namespace,
                "pod": holder.pod,
                "container": holder.container,
                "instance_uuid": holder.instance_uuid,
            }
            for holder in holders
        ],
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


def _state(gpu: GpuTelemetry, *, held: bool, takes_gpu_pods: bool) -> GpuState:
    if held:
        return "allocated"
    if gpu.health.state in ("critical", "lost"):
        return "unhealthy"
    return "available" if takes_gpu_pods else "unavailable"
