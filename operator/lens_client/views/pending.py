"""Pods that wait for GPUs."""

from collections.abc import Mapping
from typing import Any

from lens_client.api import schema
from lens_client.output import quantity
from lens_client.output.table import Cell, Column, number
from lens_client.output.view import View
from lens_client.views.cells import resources, workload
from lens_client.views.tasks import NAMESPACE

NOT_PENDING = "NotPending"
"""The state of a pod that a watch has seen leave the list."""


def state(task: Mapping[str, Any]) -> str:
    """Return the state of a pending pod; ``terminating`` for one that is being deleted."""
    return "terminating" if task["terminating"] else task["state"] or ""


def _state(task: Mapping[str, Any]) -> Cell:
    shown = state(task)
    styles = {"terminating": "dim", NOT_PENDING: "dim", "unschedulable": "yellow"}
    return Cell(shown, styles.get(shown, ""))  # type: ignore[arg-type]


def _fits(task: Mapping[str, Any]) -> Cell:
    fits = (task["fit"] or {}).get("fits") or ""
    return Cell(fits, {"yes": "green", "no": "red"}.get(fits, ""))  # type: ignore[arg-type]


def _reason(task: Mapping[str, Any]) -> str:
    """Return what is short now, or else the scheduler's message."""
    fit = task["fit"]
    return str((fit and fit["reason"]) or task["message"] or task["reason"] or "")


_COLUMNS = (
    Column("NAME", lambda task: task["pod_name"], shrink="middle", least=14),
    # By claims a pod may ask for any number.
    Column("GPUS", lambda task: number(task["requested_gpus"] or None), right=True),
    Column("STATE", _state, rank=2),
    Column("FITS", _fits, rank=4),
    Column("AGE", lambda task: quantity.duration(task["waiting_seconds"]), right=True),
    Column("PRIORITY", lambda task: number(task["priority"]), True, right=True),
    Column("WORKLOAD", workload, rank=5, shrink="middle"),
    Column("RESOURCES", lambda task: resources(task["resources"]), True),
    Column("GATES", lambda task: ",".join(task["scheduling_gates"] or ()), True),
    Column("REASON", _reason, rank=1, shrink="end", least=16),
    Column("SCHEDULER", lambda task: task["message"] or "", True),
)


def view(*, namespaces: bool) -> View:
    """Return the list of pending pods, with their ``namespaces`` where there may be several."""
    return View(
        field="tasks",
        columns=((NAMESPACE, *_COLUMNS) if namespaces else _COLUMNS),
        csv=tuple(schema.PendingTask.__annotations__),
        name=lambda task: f"pod/{task['pod_name']}",
    )
