"""Who holds GPUs, and who waits for them, by namespace."""

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from lens_client.api import schema
from lens_client.output.quantity import duration
from lens_client.output.table import Column, number
from lens_client.output.view import View
from lens_client.views.cells import count, percent


class NamespaceTasks(TypedDict):
    """The tasks of a namespace in sums, for who may see no more.

    Its fields are those of the API's namespaces, but for ``approximate``. ``allocated_gpus`` are physical
    GPUs, each once; those of tasks whose GPUs aren't known are added, which is ``approximate`` where such
    tasks share GPUs. Utilization is the mean of the tasks', by their GPUs.
    """

    namespace: str
    allocated_gpus: int
    approximate: bool
    running_tasks: int
    utilization: float | None
    pending_pods: int
    pending_gpus: int


NAMESPACES = View(
    field="namespaces",
    columns=(
        Column("NAME", lambda row: row["namespace"], shrink="middle"),
        Column("GPUS", lambda row: number(row["allocated_gpus"]), right=True),
        Column("BUSY", lambda row: number(row["busy_gpus"]), right=True, rank=5),
        Column("IDLE", lambda row: count(row["idle_gpus"], "yellow"), right=True, rank=2),
        Column("UNMEASURED", lambda row: number(row["unmeasured_gpus"]), True, right=True),
        Column("IDLE-GPU-TIME", lambda row: duration(row["idle_gpu_seconds"]), True, right=True),
        Column("UTIL", lambda row: percent(row["utilization"]), right=True, rank=4),
        Column("TASKS", lambda row: number(row["running_tasks"]), right=True, rank=3),
        Column("PENDING", lambda row: count(row["pending_pods"], "yellow"), right=True),
        Column("PENDING-GPUS", lambda row: number(row["pending_gpus"]), right=True, rank=1),
    ),
    csv=tuple(schema.Namespace.__annotations__),
    name=lambda row: f"namespace/{row['namespace']}",
    nothing="No namespace holds GPUs or waits for some.",
)

TASKS = View(
    field="namespaces",
    columns=(
        Column("NAME", lambda row: row["namespace"], shrink="middle"),
        Column(
            "GPUS",
            lambda row: f"{number(row['allocated_gpus'])}{'~' if row['approximate'] else ''}",
            right=True,
        ),
        Column("TASKS", lambda row: number(row["running_tasks"]), right=True, rank=2),
        Column("UTIL", lambda row: percent(row["utilization"]), right=True, rank=3),
        Column("PENDING", lambda row: count(row["pending_pods"], "yellow"), right=True),
        Column("PENDING-GPUS", lambda row: number(row["pending_gpus"]), right=True, rank=1),
    ),
    csv=tuple(NamespaceTasks.__annotations__),
    name=lambda row: f"namespace/{row['namespace']}",
)


class _Sums:
    def __init__(self) -> None:
        self.uuids: set[str] = set()
        self.more_gpus = self.running = self.pods = self.asked = self.loaded_gpus = 0
        self.load = 0.0
        self.approximate = False

    def row(self, name: str) -> NamespaceTasks:
        return {
            "namespace": name,
            "allocated_gpus": len(self.uuids) + self.more_gpus,
            "approximate": self.approximate,
            "running_tasks": self.running,
            "utilization": round(self.load / self.loaded_gpus, 1) if self.loaded_gpus else None,
            "pending_pods": self.pods,
            "pending_gpus": self.asked,
        }


def sums(
    tasks: Iterable[Mapping[str, Any]], pending: Iterable[Mapping[str, Any]], namespace: str
) -> NamespaceTasks:
    """Return the sums of a namespace's tasks."""
    found = _Sums()
    for task in tasks:
        found.running += task["phase"] == "Running"
        if task["gpu_uuids"] is not None:
            found.uuids.update(task["gpu_uuids"])
        else:
            found.more_gpus += task["allocated_gpus"]
            found.approximate |= "units" in task
        if task["utilization"] is not None:
            found.load += task["utilization"] * task["allocated_gpus"]
            found.loaded_gpus += task["allocated_gpus"]
    for task in pending:
        found.pods += 1
        found.asked += task["requested_gpus"]
    return found.row(namespace)
