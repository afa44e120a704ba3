"""Pods that hold GPUs."""

from collections.abc import Mapping
from typing import Any

from lens_client.api import schema
from lens_client.output import quantity
from lens_client.output.table import NONE, Cell, Column, number
from lens_client.output.view import View
from lens_client.views.cells import memory, percent, resources, workload

GONE = "Gone"
"""The status of a task that a watch has seen end."""

NAMESPACE = Column("NAMESPACE", lambda row: row["namespace"], shrink="middle", least=9, rank=3)


def status(task: Mapping[str, Any]) -> str:
    """Return a task's status as kubectl writes it."""
    return "Terminating" if task["terminating"] else task["phase"] or ""


def _status(task: Mapping[str, Any]) -> Cell:
    shown = status(task)
    return Cell(shown, {"Running": "", GONE: "dim"}.get(shown, "yellow"))  # type: ignore[arg-type]


def _age(task: Mapping[str, Any]) -> str:
    return NONE if task["started_at"] is None else quantity.duration(task["running_time_seconds"])


def _gpus(task: Mapping[str, Any]) -> str:
    """Return the GPUs; + where there may be more of them."""
    return f"{number(task['allocated_gpus'])}{'+' if task.get('approximate') else ''}"


_COLUMNS = (
    Column("NAME", lambda task: task["pod_name"], shrink="middle", least=16),
    Column("STATUS", _status, rank=4),
    Column("GPUS", _gpus, right=True),
    Column("UTIL", lambda task: percent(task["utilization"]), right=True),
    Column("MEMORY", lambda task: memory(task["memory_used_bytes"]), right=True, rank=5),
    Column("AGE", _age, right=True, rank=1),
    Column("WORKLOAD", workload, rank=6, shrink="middle", least=10),
    Column("NODE", lambda task: task["node_name"] or "", rank=2, shrink="middle"),
    Column("RESOURCES", lambda task: resources(task["resources"]), True),
    Column("UTIL-REASON", lambda task: task["utilization_reason"] or "", True),
    Column("GPU-UUIDS", lambda task: ",".join(task["gpu_uuids"] or ()), True),
)


def view(*, namespaces: bool) -> View:
    """Return the list of tasks, with their ``namespaces`` where there may be several."""
    return View(
        field="tasks",
        columns=((NAMESPACE, *_COLUMNS) if namespaces else _COLUMNS),
        csv=tuple(schema.Task.__annotations__),
        name=lambda task: f"pod/{task['pod_name']}",
    )
