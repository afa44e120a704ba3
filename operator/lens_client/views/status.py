"""The cluster in one row, and its products."""

from collections.abc import Iterator, Mapping
from typing import Any

from lens_client.api import schema
from lens_client.output.table import Cell, Column, number
from lens_client.output.view import View
from lens_client.views.cells import count, percent, product_parts


def _gpus(row: Mapping[str, Any]) -> Cell:
    states = row["gpu_states"]
    return Cell(number(row["current_gpu_usage"]["total_gpus"]), bar=product_parts(states))


def _nodes(row: Mapping[str, Any]) -> str:
    nodes = row["gpu_nodes"]
    return ",".join(
        f"{number(nodes[use])}-{use.replace('_', '-')}" for use in ("idle", "partly_used", "full", "closed")
    )


CLUSTER = View(
    field=None,
    columns=(
        Column("CLUSTER", lambda row: row["cluster"] or "", rank=6, shrink="middle", least=8),
        Column("GPUS", _gpus, right=True),
        Column("ALLOCATED", lambda row: number(row["gpu_states"]["allocated"]), right=True),
        Column("AVAILABLE", lambda row: count(row["gpu_states"]["available"], "green"), right=True),
        Column("UNHEALTHY", lambda row: count(row["gpu_states"]["unhealthy"], "red"), right=True, rank=5),
        Column(
            "UNAVAILABLE", lambda row: count(row["gpu_states"]["unavailable"], "yellow"), right=True, rank=8
        ),
        Column("RATE", lambda row: percent(row["current_gpu_usage"]["allocation_rate"]), right=True, rank=9),
        Column("UTIL", lambda row: percent(row["telemetry"]["utilization_rate"]), right=True, rank=3),
        Column(
            "BLOCK", lambda row: number(row["available_resources"]["max_contiguous_gpu"]), right=True, rank=2
        ),
        Column("TASKS", lambda row: number(row["running_tasks"]), right=True, rank=7),
        Column("PENDING", lambda row: count(row["pending"]["pods"], "yellow"), right=True, rank=1),
        Column("PENDING-GPUS", lambda row: number(row["pending"]["gpus"]), True, right=True),
        Column(
            "OVERCOMMITTED", lambda row: count(row["gpu_states"]["overcommitted"], "red"), True, right=True
        ),
        Column("UNKNOWN", lambda row: number(row["gpu_states"]["unknown"]), True, right=True),
        Column(
            "HELD-WITHOUT-POD", lambda row: number(row["gpu_states"]["held_without_pod"]), True, right=True
        ),
        Column("NODES", _nodes, True),
    ),
    csv=tuple(schema.Status.__annotations__),
)

PRODUCTS = (
    Column("PRODUCT", lambda row: row["product"] or row["reason"] or "", shrink="middle", least=10),
    Column("GPUS", lambda row: Cell(number(row["total"]), bar=product_parts(row)), right=True),
    Column("ALLOCATED", lambda row: number(row["allocated"]), right=True, rank=1),
    Column("AVAILABLE", lambda row: count(row["available"], "green"), right=True),
    Column("UNHEALTHY", lambda row: count(row["unhealthy"], "red"), right=True, rank=3),
    Column("UNAVAILABLE", lambda row: count(row["unavailable"], "yellow"), right=True, rank=4),
    Column("BLOCK", lambda row: number(row["largest_block"]), right=True, rank=2),
)

UNITS = (
    Column("SHARED RESOURCE", lambda row: row["resource"] or "", shrink="middle", least=15),
    Column("UNITS", lambda row: number(row["capacity"]), right=True),
    Column("ALLOCATED", lambda row: number(row["allocated"]), right=True, rank=1),
    Column("AVAILABLE", lambda row: count(row["available"], "green"), right=True),
    Column("UNHEALTHY", lambda row: count(row["unhealthy"], "red"), right=True, rank=3),
    Column("UNAVAILABLE", lambda row: count(row["unavailable"], "yellow"), right=True, rank=4),
)


def notes(status: Mapping[str, Any]) -> Iterator[str]:
    """Yield what has to be known to read the figures."""
    telemetry, states = status["telemetry"], status["gpu_states"]
    coverage = telemetry["coverage"]
    if status["current_gpu_usage"]["total_gpus"] == 0:
        yield "Lens counts no GPUs in this cluster."
    elif coverage is not None and coverage < 1:
        yield f"Utilization is known of {100 * coverage:g} % of the GPUs."
    if status.get("approximate"):
        yield "The numbers of GPUs are approximate: of some nodes it isn't known which GPUs units are on."
    if states["unknown"] is None:
        yield "Some GPUs can't be counted: ResourceSlices of a pool are missing, or can't be read."
    for resource, reason in ((status.get("freshness") or {}).get("unseen") or {}).items():
        yield f"No figure has {resource}, which Lens can't read: {reason}."
    held = sum(row["allocated"] or 0 for row in (status["dra"] or {}).get("no_node") or ())
    if held:
        yield f"{held} allocated GPU{'s' if held != 1 else ''} of no single node: kubectl lens gpu --no-node"
    record = status.get("fit_record")
    if record and record["right"] + record["wrong"]:
        yield _record(record)
    alerts = len(status.get("alerts") or ())
    if alerts:
        yield f"{alerts} alert{'s' if alerts != 1 else ''}: kubectl lens alerts"


def _record(record: Mapping[str, Any]) -> str:
    """Return how far `fit` can be trusted here."""
    compared = record["right"] + record["wrong"]
    others = f"; {record['abstained']} couldn't be compared" if record["abstained"] else ""
    return (
        f"The scheduler did what fit says with {record['right']} of {compared} pending "
        f"pod{'' if compared == 1 else 's'} since {record['since']}{others}."
    )
