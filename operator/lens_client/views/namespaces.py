"""Who holds GPUs, and who waits for them, by namespace."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from lens_client.output.table import Column
from lens_client.output.view import View
from lens_client.views.cells import count, percent


class Namespace(TypedDict):
    """A namespace's tasks in sums.

    ``gpus`` are physical GPUs, each once; those of tasks whose GPUs aren't known are added, which is
    ``approximate`` where such tasks share GPUs. Utilization is the mean of the tasks', by their GPUs.
    """

    namespace: str
    gpus: int
    approximate: bool
    running_tasks: int
    utilization: float | None
    pending_pods: int
    pending_gpus: int


NAMESPACES = View(
    field="namespaces",
    columns=(
        Column("NAME", lambda row: row["namespace"], shrink="middle"),
        Column("GPUS", lambda row: f"{row['gpus']}{'~' if row['approximate'] else ''}", right=True),
        Column("TASKS", lambda row: str(row["running_tasks"]), right=True, rank=2),
        Column("UTIL", lambda row: percent(row["utilization"]), right=True, rank=3),
        Column("PENDING", lambda row: count(row["pending_pods"], "yellow"), right=True),
        Column("PENDING-GPUS", lambda row: str(row["pending_gpus"]), right=True, rank=1),
    ),
    csv=tuple(Namespace.__annotations__),
    name=lambda row: f"namespace/{row['namespace']}",
    nothing="No namespace has or requests GPUs.",
)


class _Sums:
    def __init__(self) -> None:
        self.uuids: set[str] = set()
        self.more_gpus = self.running = self.pods = self.asked = self.loaded_gpus = 0
        self.load = 0.0
        self.approximate = False

    def row(self, name: str) -> Namespace:
        return {
            "namespace": name,
            "gpus": len(self.uuids) + self.more_gpus,
            "approximate": self.approximate,
            "running_tasks": self.running,
            "utilization": round(self.load / self.loaded_gpus, 1) if self.loaded_gpus else None,
            "pending_pods": self.pods,
            "pending_gpus": self.asked,
        }


def sums(
    tasks: Iterable[Mapping[str, Any]], pending: Iterable[Mapping[str, Any]], namespace: str | None = None
) -> list[Namespace]:
    """Return the namespaces with the most GPUs first; with a ``namespace`` its row is there in any case."""
    found: defaultdict[str, _Sums] = defaultdict(_Sums)
    if namespace is not None:
        found[namespace] = _Sums()
    for task in tasks:
        held = found[task["namespace"]]
        held.running += task["phase"] == "Running"
        if task["gpu_uuids"] is not None:
            held.uuids.update(task["gpu_uuids"])
        else:
            held.more_gpus += task["allocated_gpus"]
            held.approximate |= "units" in task
        if task["utilization"] is not None:
            held.load += task["utilization"] * task["allocated_gpus"]
            held.loaded_gpus += task["allocated_gpus"]
    for task in pending:
        found[task["namespace"]].pods += 1
        found[task["namespace"]].asked += task["requested_gpus"]
    rows = [each.row(name) for name, each in found.items()]
    return sorted(rows, key=lambda row: (-row["gpus"], -row["pending_gpus"], row["namespace"]))
