"""``/api/v1/realtime/status``: the snapshot's figures, and nodes, alerts and events on request."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar

import msgspec

from lens.api.endpoints.alerts_and_events import alert_row, event_row, matches
from lens.api.endpoints.capacity import capacity_row
from lens.api.endpoints.dra_gpus import no_node_gpu
from lens.api.endpoints.namespaces import NamespaceList
from lens.api.endpoints.products import gpu_nodes, product_rows
from lens.api.fit.record import record_row
from lens.api.parameters.status import StatusParameters
from lens.api.schemas.dra import Dra
from lens.api.schemas.nodes import Node, NodeResource
from lens.api.schemas.status import Freshness, Status
from lens.concurrency import slices
from lens.model.cluster_state import StateView
from lens.model.gpu.telemetry import NodeTelemetry, TelemetryTotals, sums
from lens.model.inventory.dra.gpus import HeldGpu
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.occupancy.resource_count import ResourceCount
from lens.model.inventory.snapshot import Snapshot
from lens.model.k8s import timestamps
from lens.model.k8s.bounds import MAX_RESERVED, MAX_UNITS, few

T = TypeVar("T")

INCOMPLETE_POOLS: Literal["INCOMPLETE_POOLS"] = "INCOMPLETE_POOLS"

_encode = msgspec.json.Encoder().encode


def freshness_fields(current: StateView, latest: StateView, now: float) -> Mapping[str, Any]:
    """Return the fields that say how current the figures of ``current`` are, and how often fit was right.

    ``latest`` is the last state that has the same snapshot.
    """
    freshness: Freshness = {
        "synced": latest.synced,
        "age_seconds": round(latest.age(now), 3),
        "watch_age_seconds": {
            resource: round(max(0.0, now - contact), 3)
            for resource, contact in sorted(latest.contacts.items())
        },
        "unseen": dict(latest.unseen),
        "coverage": _coverage(current),
        "sequence": current.snapshot.sequence,
    }
    return {
        "timestamp": timestamps.render(latest.current_at),
        "freshness": freshness,
        "fit_record": record_row(latest.fit_record),
    }


def timestamp_field(_current: StateView, latest: StateView, _now: float) -> Mapping[str, Any]:
    """Return the timestamp alone."""
    return {"timestamp": timestamps.render(latest.current_at)}


def status(current: StateView, params: StatusParameters, now: float = 0.0) -> Status:
    """Return the figures, in constant time; their age is that at ``now``."""
    snapshot, telemetry = current.snapshot, current.telemetry
    states, utilization = snapshot.states, telemetry.utilization_percent if telemetry.complete else None
    totals = telemetry.totals(snapshot.exporter_nodes)
    age = freshness_fields(current, current, now)
    return Status(
        cluster=params.cluster,
        timestamp=age["timestamp"],
        current_gpu_usage={
            "total_gpus": states.total,
            "allocated_gpus": states.allocated,
            "utilized_gpus": totals.utilized,
            "allocation_rate": snapshot.allocation_rate,
            "utilization_rate": utilization or 0.0,
        },
        running_tasks=snapshot.running_tasks,
        available_resources={
            "available_gpus": states.available,
            "available_nodes": snapshot.available_nodes,
            "max_contiguous_gpu": snapshot.max_contiguous,
            "max_contiguous_gpu_product": snapshot.max_contiguous_product[0],
            "max_contiguous_gpu_reason": snapshot.max_contiguous_product[1],
        },
        pending={
            "pods": snapshot.demand.pods,
            "gpus": snapshot.demand.gpus,
            "gated_pods": snapshot.demand.gated_pods,
        },
        freshness=age["freshness"],
        telemetry={
            "coverage": _coverage(current),
            "utilized_gpus": None if utilization is None else totals.utilized,
            "utilization_rate": utilization,
            "nodes": {"ok": totals.ok_nodes, "stale": totals.stale_nodes, "unknown": totals.unknown_nodes},
        },
        gpu_states={
            "allocated": states.allocated,
            "unhealthy": states.unhealthy,
            "unavailable": states.unavailable,
            "available": states.available,
            "overcommitted": snapshot.overcommitted,
            "missing_nodes": snapshot.missing_nodes,
            "held_without_pod": snapshot.held_without_pod,
            "unknown": snapshot.known_unknown_gpus,
            "unknown_reason": None if snapshot.known_unknown_gpus is not None else INCOMPLETE_POOLS,
        },
        products=product_rows(snapshot.products),
        gpu_nodes=gpu_nodes(snapshot.gpu_nodes),
        dra=_dra(snapshot),
        units=[_resource(count) for _, count in sorted(snapshot.units.items())],
        approximate=snapshot.approximate > 0,
        fit_record=age["fit_record"],
    )


def _dra(snapshot: Snapshot) -> Dra:
    problems = snapshot.problems
    return {
        "no_node": [_resource(count) for count in snapshot.unattached.drivers[:MAX_UNITS]],
        "total_problem_pools": problems.pools_number,
        "problem_pools": [
            {
                "driver": pool.driver,
                "pool": pool.pool,
                "reason": pool.reason,
                "detail": pool.detail,
                "generation": pool.generation,
                "slices": pool.slices,
                "slice_count": pool.slice_count,
            }
            for pool in problems.pools
        ],
        "rules_not_applied": list(problems.rules_not_applied),
        "both_ways_nodes": len(snapshot.both_ways),
    }


def _coverage(current: StateView) -> float:
    total, reporting = current.snapshot.states.total, current.telemetry.totals(0).reporting
    return round(min(1.0, reporting / total), 3) if total else 0.0


async def with_lists(
    namespaces: NamespaceList, current: StateView, params: StatusParameters
) -> dict[str, Any]:
    """Return the figures, and the lists that ``include`` names."""
    nodes, telemetry = current.snapshot.nodes, current.telemetry.nodes
    answer: dict[str, Any] = dict(status(current, params))
    if "nodes" in params.include:
        shown = dict if params.view is None else capacity_row
        names = current.snapshot.listed()
        answer["nodes"] = await _rows(lambda name: shown(node_row(nodes[name], telemetry.get(name))), names)
    if "no_node" in params.include:
        answer["no_node_gpus"] = await _no_node_gpus(current, params)
    if "namespaces" in params.include:
        answer["namespaces"] = await namespaces.rows(current)
    if "alerts" in params.include:
        answer["alerts"] = await _rows(alert_row, current.alerts_and_events.alerts)
    if "events" in params.include:
        events = (each for each in current.alerts_and_events.events if matches(each, params))
        answer["recent_events"] = await _rows(event_row, events)
    return answer


async def _no_node_gpus(current: StateView, params: StatusParameters) -> list[msgspec.Raw]:
    """Return the GPUs of no node that claims hold; those of the parameters' namespace, if they have one."""

    def encoded(held: HeldGpu) -> msgspec.Raw | None:
        row = no_node_gpu(held, params.namespace, capacity=params.view is not None)
        return None if row is None else msgspec.Raw(_encode(row))

    rows = await slices.each(encoded, current.snapshot.unattached.gpus)
    return [row for row in rows if row is not None]


async def _rows(make: Callable[[T], object], items: Iterable[T]) -> list[msgspec.Raw]:
    """Encode rows as JSON, in slices."""
    return await slices.each(lambda item: msgspec.Raw(_encode(make(item))), items)


def node_row(occupied: NodeOccupancy, telemetry: NodeTelemetry | None) -> Node:
    """Return one node's row."""
    node, states = occupied.node, occupied.states
    row: Node = {
        "node_name": occupied.name,
        "status": occupied.status,
        "total_gpus": states.total,
        "allocated_gpus": states.allocated,
        "available_gpus": states.available,
        "utilization": _mean_utilization(telemetry),
        "unhealthy_gpus": states.unhealthy,
        "unavailable_gpus": states.unavailable,
        "overcommitted_gpus": occupied.overcommitted,
        "schedulable": occupied.takes_gpu_pods,
        "unschedulable": node is not None and node.unschedulable,
        "taints": [str(taint) for taint in node.taints] if node else [],
        "product": occupied.product,
        "running_tasks": occupied.running_tasks,
        "resources": [_resource(count) for count in occupied.pools],
    }
    if occupied.drivers:
        row["drivers"] = [_resource(count) for count in occupied.drivers[:MAX_UNITS]]
    if occupied.held_without_pod:
        row["held_without_pod"] = occupied.held_without_pod
    if occupied.unknown_gpus:
        row["unknown_gpus"] = occupied.unknown_gpus
    if occupied.units:
        row["units"] = [_resource(count) for count in occupied.units]
    if occupied.units or occupied.offered_both_ways:
        row["approximate"] = occupied.approximate
        row["approximate_reason"] = occupied.approximate_reason
    if occupied.reservations:
        row["reservations"] = [
            {
                "pod": each.pod.path,
                "gpus": each.pod.gpus,
                "gpu_groups": list(each.pod.reserves),
                "total_tasks": len(each.tasks),
                "tasks": list(few(each.tasks, MAX_RESERVED)),
            }
            for each in occupied.reservations
        ]
    return row


def _mean_utilization(telemetry: NodeTelemetry | None) -> float | None:
    totals = TelemetryTotals() if telemetry is None else sums(telemetry)
    return round(totals.hundredths / 100 / totals.reporting, 1) if totals.reporting else None


def _resource(count: ResourceCount) -> NodeResource:
    return {
        "resource": count.resource,
        "capacity": count.capacity,
        "allocatable": count.allocatable,
        "allocated": count.states.allocated,
        "available": count.states.available,
        "unhealthy": count.states.unhealthy,
        "unavailable": count.states.unavailable,
        "overcommitted": count.overcommitted,
    }
