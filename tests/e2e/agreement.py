"""Whether Lens and the cluster's raw objects say the same, and how soon they do again."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from tests.e2e.cluster.api import Api
from tests.e2e.dra.seen import Seen
from tests.e2e.lens import Lens

STATES = ("allocated", "unhealthy", "unavailable", "available")


async def lens_figures(lens: Lens) -> dict[str, Any]:
    """Return what Lens says, in the recount's form."""
    status, tasks = await lens.status(), await lens.tasks()
    usage, available, states = (
        status[part] for part in ("current_gpu_usage", "available_resources", "gpu_states")
    )
    return {
        **{f"{state}_gpus": states[state] for state in (*STATES, "overcommitted")},
        "missing_nodes": states["missing_nodes"],
        **{name: usage[name] for name in ("total_gpus", "allocated_gpus", "allocation_rate")},
        **{name: available[name] for name in ("available_gpus", "available_nodes", "max_contiguous_gpu")},
        "units": {each["resource"]: _cell(each) for each in status["units"]},
        "approximate": status["approximate"],
        "running_tasks": status["running_tasks"],
        "products": {
            (each["product"], each["reason"]): {
                name: number for name, number in each.items() if name not in ("product", "reason", "total")
            }
            for each in status["products"]
        },
        "gpu_nodes": {
            use: number for use, number in status["gpu_nodes"].items() if number and use != "total"
        },
        "nodes": {node["node_name"]: _row(node) for node in status["nodes"]},
        "tasks": {
            (task["namespace"], task["pod_name"]): {
                "node": task["node_name"],
                "units": task["resources"],
                "gpus": task["allocated_gpus"],
                **({"approximate": task["approximate"]} if "approximate" in task else {}),
            }
            for task in tasks
        },
    }


def _row(node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "known": node["status"] != "Missing",
        "schedulable": node["schedulable"],
        "running_tasks": node["running_tasks"],
        "resources": {each["resource"]: _cell(each) for each in node["resources"]},
        "shared": {each["resource"]: _cell(each) for each in node.get("units", [])},
        "approximate": node.get("approximate", False),
        **{f"{state}_gpus": node[f"{state}_gpus"] for state in (*STATES, "overcommitted")},
    }


def _cell(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {name: number for name, number in resource.items() if name != "resource"}


async def counted(api: Api) -> dict[str, Any]:
    """Return what the raw objects say."""
    figures = (await Seen.now(api)).figures()
    for node in figures["nodes"].values():
        # These show in max_contiguous_gpu and in the products of all nodes.
        del node["most_available"], node["products"], node["unknown_gpus"]
    del figures["unknown_gpus"], figures["of_no_node"]
    return figures | {"allocation_rate": round(float(figures["allocation_rate"]), 1)}


async def agree(api: Api, lens: Lens, after: str, deadline_s: float = 60) -> float:
    """Wait until Lens says what the objects say; print and return how many seconds that took."""
    start = time.monotonic()
    while True:
        # Counting takes a second, so what Lens says is noted before, to know since when it was right.
        noted = []
        for _ in range(6):
            noted.append((time.monotonic() - start, await lens_figures(lens)))
            await asyncio.sleep(0.1)
        objects = await counted(api)
        for seconds, says in noted:
            if says == objects:
                print(f"\n  exact {seconds:5.2f} s after {after}: {_figures(says)}", end="")
                return seconds
        if time.monotonic() - start > deadline_s:
            difference = _difference(noted[-1][1], objects)
            raise AssertionError(f"not exact {deadline_s} s after {after}: {difference}")


def _figures(figures: Mapping[str, Any]) -> str:
    return (
        f"{figures['allocated_gpus']} of {figures['total_gpus']} GPUs held, "
        f"{figures['available_gpus']} available, "
        f"{figures['running_tasks']} tasks"
    )


def _difference(says: Mapping[str, Any], objects: Mapping[str, Any]) -> str:
    lines = []
    for name in sorted(objects.keys() | says.keys()):
        one, other = says.get(name), objects.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            keys = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
            lines += [f"{name}[{key}]: Lens {one.get(key)}, objects {other.get(key)}" for key in keys[:5]]
        elif one != other:
            lines.append(f"{name}: Lens {one}, objects {other}")
    return "; ".join(lines)
