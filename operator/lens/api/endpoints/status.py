"""``/api/v1/realtime/status``: the snapshot's figures, and its nodes where they are asked for."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from lens import slices
from lens.api import schemas
from lens.api.endpoints import findings
from lens.api.parameters import StatusParameters
from lens.model.cluster_state import StateView
from lens.model.gpu.telemetry import NodeTelemetry, TelemetryTotals, sums
from lens.model.inventory.occupancy import NodeOccupancy, ResourceCount
from lens.model.k8s import timestamps

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


def status(current: StateView, asked: StatusParameters, now: float) -> schemas.Status:
    """Return the figures, in time that does not grow with the cluster."""
    snapshot, telemetry = current.snapshot, current.telemetry
    states, known, rate = snapshot.states, telemetry.sums, telemetry.utilization_percent
    coverage = round(min(1.0, known.reporting / states.total), 3) if states.total else 0.0
    return schemas.Status(
        cluster=asked.cluster,
        timestamp=timestamps.render(current.current_at),
        current_gpu_usage={
            "total_gpus": states.total,
            "allocated_gpus": states.allocated,
            "utilized_gpus": known.utilized,
            "allocation_rate": snapshot.allocation_rate,
            "utilization_rate": rate or 0.0,
        },
        running_tasks=snapshot.running_tasks,
        available_resources={
            "available_gpus": states.available,
            "available_nodes": snapshot.available_nodes,
            "max_contiguous_gpu": snapshot.max_contiguous,
        },
        pending={
            "pods": snapshot.demand.pods,
            "gpus": snapshot.demand.gpus,
            "gated_pods": snapshot.demand.gated_pods,
        },
        freshness={
            "synced": current.synced,
            "age_seconds": round(current.age(now), 3),
            "watch_age_seconds": {
                resource: round(max(0.0, now - contact), 3)
                for resource, contact in sorted(current.contacts.items())
            },
            "coverage": coverage,
            "sequence": snapshot.sequence,
        },
        telemetry={
            "coverage": coverage,
            "utilized_gpus": None if rate is None else known.utilized,
            "utilization_rate": rate,
            "nodes": {"ok": known.ok_nodes, "stale": known.stale_nodes, "unknown": known.unknown_nodes},
        },
        gpu_states={
            "allocated": states.allocated,
            "unhealthy": states.unhealthy,
            "unavailable": states.unavailable,
            "available": states.available,
            "overcommitted": snapshot.overcommitted,
            "missing_nodes": snapshot.missing_nodes,
        },
        units=[_resource(pool) for _, pool in sorted(snapshot.units.items())],
        approximate=snapshot.approximate > 0,
    )


async def with_lists(current: StateView, asked: StatusParameters, now: float) -> dict[str, Any]:
    """Return the figures, and the lists that are asked for."""
    nodes, telemetry = current.snapshot.nodes, current.telemetry.nodes
    answer: dict[str, Any] = dict(status(current, asked, now))
    if "nodes" in asked.include:
        names = current.snapshot.listed()
        answer["nodes"] = await _rows(lambda name: node(nodes[name], telemetry.get(name)), names)
    if "alerts" in asked.include:
        answer["alerts"] = await _rows(findings.alert, current.findings.alerts)
    if "events" in asked.include:
        events = (each for each in current.findings.events if findings.is_asked_for(each, asked))
        answer["recent_events"] = await _rows(findings.event, events)
    return answer


async def _rows(make: Callable[[T], object], items: Iterable[T]) -> list[msgspec.Raw]:
    """Return rows as JSON, made in slices."""
    return await slices.each(lambda item: msgspec.Raw(_encode(make(item))), items)


def node(occupied: NodeOccupancy, told: NodeTelemetry | None) -> schemas.Node:
    """Return one node's figures."""
    node, states = occupied.node, occupied.states
    row: schemas.Node = {
        "node_name": occupied.name,
        "status": occupied.status,
        "total_gpus": states.total,
        "allocated_gpus": states.allocated,
        "available_gpus": states.available,
        "utilization": _mean_utilization(told),
        "unhealthy_gpus": states.unhealthy,
        "unavailable_gpus": states.unavailable,
        "overcommitted_gpus": occupied.overcommitted,
        "schedulable": occupied.takes_gpu_pods,
        "unschedulable": node is not None and node.unschedulable,
        "taints": [str(taint) for taint in node.taints] if node else [],
        "product": node.product if node else None,
        "running_tasks": occupied.running_tasks,
        "resources": [_resource(pool) for pool in occupied.pools],
    }
    if occupied.units:
        row["units"] = [_resource(pool) for pool in occupied.units]
        row["approximate"] = occupied.approximate
    return row


def _mean_utilization(told: NodeTelemetry | None) -> float | None:
    known = TelemetryTotals() if told is None else sums(told)
    return round(known.hundredths / 100 / known.reporting, 1) if known.reporting else None


def _resource(pool: ResourceCount) -> schemas.NodeResource:
    return {
        "resource": pool.resource,
        "capacity": pool.capacity,
        "allocatable": pool.allocatable,
        "allocated": pool.states.allocated,
        "available": pool.states.available,
        "unhealthy": pool.states.unhealthy,
        "unavailable": pool.states.unavailable,
        "overcommitted": pool.overcommitted,
    }
