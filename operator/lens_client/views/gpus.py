"""The GPUs of a node, one by one."""

from collections.abc import Iterator, Mapping
from typing import Any

from lens_client.api import schema
from lens_client.output.style import Style
from lens_client.output.table import NONE, Cell, Column, number
from lens_client.output.view import View
from lens_client.views.cells import memory, percent, used_of

_STATES: Mapping[str, Style] = {"available": "green", "unhealthy": "red", "unavailable": "yellow"}
_HEALTH: Mapping[str, Style] = {"warning": "yellow", "critical": "red", "lost": "red"}


def _index(row: Mapping[str, Any]) -> str:
    if "profile" in row:
        return f"  {row['profile'] or 'MIG'}"
    return number(row["index"]) if row["index"] is not None else (row.get("dra") or {}).get("name") or ""


def _holders(row: Mapping[str, Any]) -> str:
    """Return the pods that hold the GPU, or a MIG instance, and the claims that hold it for no pod."""
    holders = row["holders"] or ()
    if "profile" in row:
        pods = [each for each in holders if each["instance_uuid"] == row["uuid"] is not None]
    else:
        pods = [each for each in holders if each["instance_uuid"] is None or not row["instances"]]
    found = [f"{each['namespace'] or NONE}/{each['pod'] or NONE}" for each in pods]
    return ",".join(dict.fromkeys([*found, *_claimants(row.get("dra") or {})]))


def _claimants(gpu: Mapping[str, Any]) -> Iterator[str]:
    """Yield the pods whose claims hold devices of a GPU of DRA, and the claims that hold some for no pod."""
    for device in gpu.get("devices") or ():
        for claim in device["claims"] or ():
            for pod in claim["pods"] or ():
                yield f"{claim['namespace'] or NONE}/{pod}"
            if not claim["pods"]:
                yield f"{claim['namespace'] or NONE}/{claim['resource_claim'] or NONE} (claim)"


def _health(row: Mapping[str, Any]) -> Cell:
    health = row.get("health") or ""
    because = f" ({', '.join(row['health_because'])})" if row.get("health_because") else ""
    return Cell(health + because, _HEALTH.get(health, ""))


def _reasons(row: Mapping[str, Any]) -> str:
    return ",".join(sorted(set((row.get("reasons") or {}).values())))


def _state(row: Mapping[str, Any]) -> Cell:
    state = row.get("state") or ""
    return Cell(state, _STATES.get(state, ""))


GPUS = View(
    field="gpus",
    columns=(
        Column("GPU", _index),
        Column("STATE", _state, rank=1),
        Column("UTIL", lambda row: percent(row["utilization"]), right=True),
        Column(
            "MEMORY",
            lambda row: used_of(row["memory_used_bytes"], row["memory_total_bytes"]),
            right=True,
            rank=4,
        ),
        Column("TEMP", lambda row: number(row.get("temperature_celsius"), "C"), right=True, rank=5),
        Column("POWER", lambda row: number(row.get("power_watts"), "W"), right=True, rank=6),
        Column("HEALTH", _health, rank=3, shrink="end", least=8),
        Column("PRODUCT", lambda row: row.get("product") or "", True),
        Column("UUID", lambda row: row["uuid"] or "", True),
        Column("SOURCE", lambda row: row.get("source", ""), True),
        Column("RECOVERY", lambda row: row.get("recovery_action") or "", True),
        Column("WHY-UNKNOWN", _reasons, True),
        Column("HOLDERS", _holders, rank=2, shrink="end", least=12),
    ),
    csv=tuple(schema.Gpu.__annotations__),
    nothing="Nothing reports the GPUs of this node one by one: it has neither an agent, an exporter nor DRA.",
)

NO_NODE = View(
    field="no_node_gpus",
    columns=(
        Column("GPU", lambda row: row["name"] or "", shrink="middle", least=8),
        Column("POOL", lambda row: row["pool"] or "", rank=3, shrink="middle", least=8),
        Column("STATE", _state, rank=1),
        Column("PRODUCT", lambda row: row["product"] or "", rank=5, shrink="middle", least=10),
        Column("MEMORY", lambda row: memory(row["memory_bytes"]), right=True, rank=4),
        Column("DRIVER", lambda row: row["driver"] or "", True),
        Column("UUID", lambda row: row["uuid"] or "", True),
        Column("REASON", lambda row: row["reason"] or "", True),
        Column(
            "HOLDERS", lambda row: ",".join(dict.fromkeys(_claimants(row))), rank=2, shrink="end", least=12
        ),
    ),
    csv=tuple(schema.NoNodeGpu.__annotations__),
    nothing="No claims hold GPUs that belong to no single node.",
)


def with_instances(gpus: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each GPU, followed by its MIG instances as rows of their own."""
    for gpu in gpus:
        yield gpu
        for instance in gpu["instances"] or ():
            yield {**instance, "holders": gpu["holders"]}


def notes(detail: Mapping[str, Any]) -> Iterator[str]:
    """Yield what has to be known of the node to read its GPUs."""
    node, telemetry = detail["node"], detail["telemetry"]
    if node["status"] not in ("Ready", None):
        yield f"The node is {node['status']}."
    if node["unschedulable"]:
        yield "The node is cordoned."
    if telemetry is not None and telemetry["state"] not in ("ok", None):
        problem = f": {telemetry['problem']}" if telemetry["problem"] else ""
        yield f"The node's telemetry is {telemetry['state']}{problem}."
    if node.get("approximate"):
        yield f"The numbers of GPUs are approximate: {node.get('approximate_reason') or 'unknown'}."
