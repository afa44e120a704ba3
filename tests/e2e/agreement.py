"""Whether Lens and the cluster's raw objects say the same, and how soon they do again."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from tests.e2e.cluster.api import Api
from tests.e2e.lens import Lens
from tests.recount import recount


async def told(lens: Lens) -> dict[str, Any]:
    """Return what Lens says, in the recount's form."""
    status, tasks = await lens.status(), await lens.tasks()
    usage, available = status["current_gpu_usage"], status["available_resources"]
    return {
        "total_gpus": usage["total_gpus"],
        "allocated_gpus": usage["allocated_gpus"],
        "allocation_rate": usage["allocation_rate"],
        "running_tasks": status["running_tasks"],
        "available_gpus": available["available_gpus"],
        "available_nodes": available["available_nodes"],
        "max_contiguous_gpu": available["max_contiguous_gpu"],
        "unhealthy_gpus": status["gpu_states"]["unhealthy"],
        "unavailable_gpus": status["gpu_states"]["unavailable"],
        "nodes": {
            node["node_name"]: {
                each["resource"]: (
                    each["allocated"],
                    each["available"],
                    each["unhealthy"],
                    each["unavailable"],
                )
                for each in node["resources"]
            }
            for node in status["nodes"]
        },
        "tasks": {task["pod_uid"]: (task["node_name"], task["allocated_gpus"]) for task in tasks},
    }


async def agree(api: Api, lens: Lens, after: str, deadline_s: float = 60) -> float:
    """Wait until Lens says what the objects say; print and return how many seconds that took."""
    start = time.monotonic()
    while True:
        asked = time.monotonic()
        says = await told(lens)
        counted = recount(await api.pods(), await api.nodes())
        if says == counted:
            print(f"\n  exact {asked - start:5.2f} s after {after}: {_figures(says)}", end="")
            return asked - start
        if time.monotonic() - start > deadline_s:
            raise AssertionError(f"not exact {deadline_s} s after {after}: {_difference(says, counted)}")
        await asyncio.sleep(0.1)


def _figures(figures: Mapping[str, Any]) -> str:
    return (
        f"{figures['allocated_gpus']} of {figures['total_gpus']} GPUs held, "
        f"{figures['available_gpus']} available, "
        f"{figures['running_tasks']} tasks"
    )


def _difference(says: Mapping[str, Any], counted: Mapping[str, Any]) -> str:
    lines = []
    for name in counted:
        one, other = says[name], counted[name]
        if isinstance(other, dict):
            keys = [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
            lines += [f"{name}[{key}]: Lens {one.get(key)}, objects {other.get(key)}" for key in keys[:5]]
        elif one != other:
            lines.append(f"{name}: Lens {one}, objects {other}")
    return "; ".join(lines)
