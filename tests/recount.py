"""The figures, counted once more from raw objects and the definitions, sharing nothing with Lens.

Slow and plain on purpose: what a careful person would do with `kubectl get -o json` and a spreadsheet.
"""

from collections import defaultdict
from typing import Any

Object = dict[str, Any]

VENDORS = ("nvidia.com/gpu", "amd.com/gpu", "habana.ai/gaudi", "gpu.intel.com/", "nvidia.com/mig-")
TOLERATED_KEYS = ("nvidia.com/gpu", "amd.com/gpu", "habana.ai/gaudi", "gpu.intel.com/")


def recount(pods: list[Object], nodes: list[Object]) -> dict[str, Any]:
    """Return all figures, each node's GPUs by resource and state, and the running tasks by pod uid."""
    held: dict[tuple[str, str], int] = defaultdict(int)
    tasks: dict[str, tuple[str, int]] = {}
    for pod in pods:
        node, phase = pod["spec"].get("nodeName"), pod["status"].get("phase")
        if not node or phase in ("Succeeded", "Failed"):
            continue
        wanted = gpu_request(pod)
        for resource, units in wanted.items():
            held[node, resource] += units
        if phase == "Running" and sum(wanted.values()):
            tasks[pod["metadata"]["uid"]] = (node, sum(wanted.values()))

    rows: dict[str, dict[str, tuple[int, int, int, int]]] = defaultdict(dict)
    by_name = {node["metadata"]["name"]: node for node in nodes}
    offered = {
        (name, resource)
        for name, node in by_name.items()
        for field in ("capacity", "allocatable")
        for resource in node["status"].get(field, {})
        if is_gpu(resource)
    }
    for name, resource in offered | {key for key, units in held.items() if units}:
        status = by_name.get(name, {"status": {}})["status"]
        capacity = int(status.get("capacity", {}).get(resource, 0))
        allocatable = int(status.get("allocatable", {}).get(resource, 0))
        units = held[name, resource]
        free = max(allocatable - units, 0)
        unhealthy = max(capacity - max(allocatable, units), 0)
        open_to_pods = name in by_name and takes_gpu_pods(by_name[name])
        rows[name][resource] = (units, free if open_to_pods else 0, unhealthy, 0 if open_to_pods else free)

    cells = [cell for row in rows.values() for cell in row.values()]
    allocated, available, unhealthy, unavailable = (sum(cell[i] for cell in cells) for i in range(4))
    total = allocated + available + unhealthy + unavailable
    return {
        "total_gpus": total,
        "allocated_gpus": allocated,
        "allocation_rate": round(100 * allocated / total, 1) if total else 0.0,
        "running_tasks": len(tasks),
        "available_gpus": available,
        "available_nodes": sum(any(cell[1] for cell in row.values()) for row in rows.values()),
        "max_contiguous_gpu": max((cell[1] for cell in cells), default=0),
        "unhealthy_gpus": unhealthy,
        "unavailable_gpus": unavailable,
        "nodes": dict(rows),
        "tasks": tasks,
    }


def is_gpu(resource: str) -> bool:
    """Tell whether a resource is one of the vendors' GPUs."""
    return resource.startswith(VENDORS) and not resource.endswith("_monitoring")


def takes_gpu_pods(node: Object) -> bool:
    """Tell whether a GPU pod may go to a node."""
    if node["spec"].get("unschedulable"):
        return False
    return all(
        taint["effect"] == "PreferNoSchedule" or taint["key"].startswith(TOLERATED_KEYS)
        for taint in node["spec"].get("taints", ())
    )


def gpu_request(pod: Object) -> dict[str, int]:
    """Return what a pod asks for: the larger of the running sum and the initial peak, and overhead."""
    running: dict[str, int] = defaultdict(int)
    peak: dict[str, int] = defaultdict(int)
    for container in pod["spec"]["containers"]:
        for resource, units in _asked(container).items():
            running[resource] += units
    sidecars: dict[str, int] = defaultdict(int)
    for container in pod["spec"].get("initContainers", ()):
        asked = _asked(container)
        for resource in asked:
            peak[resource] = max(peak[resource], sidecars[resource] + asked[resource])
        if container.get("restartPolicy") == "Always":
            for resource, units in asked.items():
                sidecars[resource] += units
                running[resource] += units
    overhead = {name: int(units) for name, units in pod["spec"].get("overhead", {}).items() if is_gpu(name)}
    total = {
        resource: max(running[resource], peak[resource]) + overhead.get(resource, 0)
        for resource in {*running, *peak, *overhead}
    }
    return {resource: units for resource, units in total.items() if units}


def _asked(container: Object) -> dict[str, int]:
    resources = container.get("resources", {})
    merged = {**resources.get("limits", {}), **resources.get("requests", {})}
    return {name: int(units) for name, units in merged.items() if is_gpu(name)}
