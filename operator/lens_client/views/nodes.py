"""Nodes with GPUs."""

from collections.abc import Mapping
from typing import Any

from lens_client.api import schema
from lens_client.output.table import Column, number
from lens_client.output.view import View
from lens_client.views.cells import count, node_gpus, node_status, percent


def _resources(node: Mapping[str, Any]) -> str:
    rows = [*(node["resources"] or ()), *(node.get("drivers") or ())]
    return ",".join(
        f"{row['resource']}={number(row['allocated'])}/{number(row['allocatable'])}" for row in rows
    )


NODES = View(
    field="nodes",
    columns=(
        Column("NAME", lambda node: node["node_name"], shrink="middle"),
        Column("STATUS", node_status, rank=3),
        Column("PRODUCT", lambda node: node["product"] or "", rank=5, shrink="middle"),
        Column("GPUS", node_gpus, right=True),
        Column("AVAILABLE", lambda node: count(node["available_gpus"], "green"), right=True),
        Column("UNHEALTHY", lambda node: count(node["unhealthy_gpus"], "red"), right=True, rank=6),
        Column("UTIL", lambda node: percent(node["utilization"]), right=True, rank=2),
        Column("TASKS", lambda node: number(node["running_tasks"]), right=True, rank=4),
        Column("UNAVAILABLE", lambda node: count(node["unavailable_gpus"], "yellow"), True, right=True),
        Column("OVERCOMMITTED", lambda node: count(node["overcommitted_gpus"], "red"), True, right=True),
        Column("RESOURCES", _resources, True),
        Column("APPROXIMATE", lambda node: node.get("approximate_reason") or "", True),
        Column("TAINTS", lambda node: ",".join(node["taints"] or ()), True),
    ),
    csv=tuple(schema.Node.__annotations__),
    name=lambda node: f"node/{node['node_name']}",
    nothing="No nodes with GPUs found.",
)
