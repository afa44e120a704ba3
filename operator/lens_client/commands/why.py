"""``kubectl lens why``."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from lens_client import options
from lens_client.api import schema
from lens_client.api.client import ApiError
from lens_client.context import Context
from lens_client.exits import YES, CommandError, UsageError
from lens_client.listing.printer import Printer
from lens_client.output.quantity import duration
from lens_client.output.text import one_line
from lens_client.views import why

_PODS = frozenset({"pod", "pods", "po"})
_SHORT = {
    "cj": "cronjob",
    "deploy": "deployment",
    "ds": "daemonset",
    "rc": "replicationcontroller",
    "rs": "replicaset",
    "sts": "statefulset",
}
"""kubectl's short names of kinds that have pods."""
_MAX_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own options."""
    parser.add_argument("pod", metavar="pod/NAME|KIND/NAME", help="a pod, or the workload that made it")
    options.add_namespace(parser)
    options.add_output(parser, rows=False)


def run(context: Context) -> int:
    """Print why a pod, or the pods of a workload, wait."""
    printer = Printer(context, why.VIEW, ("json", "yaml", "jsonpath"))
    kind, name = _named(context.options.pod)
    namespace = context.namespace
    answer = context.lens.get("/api/v1/realtime/pending-tasks", schema.PendingTasks, {"namespace": namespace})
    found = [row for row in answer.data["tasks"] if _is(row, kind, name)]
    if not found:
        return _running(context, printer, kind, name)
    if printer.form.is_table:
        largest = _largest_node(context)
        for number, task in enumerate(found[:_MAX_SHOWN]):
            if number:
                printer.blank()
            printer.paragraphs(why.paragraphs(task, largest))
        if len(found) > _MAX_SHOWN:
            printer.note(f"{len(found) - _MAX_SHOWN} more of its pods wait: kubectl lens pending")
    else:
        printer.document({**answer.data, "total_tasks": len(found), "tasks": found})
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _named(given: str) -> tuple[str, str]:
    """Return the full kind in lower case, and the name; a name alone is a pod's. Raise UsageError."""
    kind, slash, name = given.partition("/")
    if not slash:
        kind, name = "pod", given
    if not kind or not name or "/" in name:
        raise UsageError(f"{given} names no object: write pod/NAME or KIND/NAME, such as job/NAME")
    kind = kind.lower().partition(".")[0]
    return _SHORT.get(kind, kind), name


def _is(row: Mapping[str, Any], kind: str, name: str) -> bool:
    """Return whether it is that pod, or a pod of that workload or of an owner below it, as a JobSet's Job."""
    if kind in _PODS:
        return bool(row["pod_name"] == name)
    if name == row["owner"] != row["workload_name"]:
        return True  # of which kind it is Lens doesn't say
    of = str(row["workload_type"]).lower()
    return kind in (of, f"{of}s", f"{of}es") and row["workload_name"] == name


def _largest_node(context: Context) -> int | None:
    """Return how many GPUs the largest node has; None for a user who may not see nodes."""
    try:
        answer = context.lens.get("/api/v1/realtime/nodes", schema.Nodes, {"sort": "-total_gpus", "limit": 1})
    except ApiError:
        return None
    rows: list[Any] = list(answer.data["nodes"])
    return rows[0]["total_gpus"] if rows else 0


def _running(context: Context, printer: Printer, kind: str, name: str) -> int:
    """Print that the pods don't wait but run. Raise CommandError if none does."""
    namespace = context.namespace
    answer = context.lens.get(
        "/api/v1/realtime/running-tasks", schema.RunningTasks, {"namespace": namespace, "state": "all"}
    )
    found = [row for row in answer.data["tasks"] if _is(row, kind, name)]
    if not found:
        where = f" in namespace {namespace}" if namespace else ""
        raise CommandError(f"{kind}/{name}{where} neither waits for GPUs nor holds any")
    if printer.form.is_table:
        for line in _holds(found):
            context.stdout.write(one_line(line) + "\n")
    else:
        printer.document({**answer.data, "total_tasks": 0, "tasks": []})
    printer.age(answer.data["timestamp"], answer.age_seconds)
    return context.status(YES, answer.age_seconds)


def _holds(found: list[schema.Task]) -> Iterator[str]:
    for task in found:
        since = f", running for {duration(task['running_time_seconds'])}" if task["started_at"] else ""
        number = task["allocated_gpus"]
        node = f" on {task['node_name']}" if task["node_name"] else ""
        yield (
            f"{task['namespace']}/{task['pod_name']} doesn't wait: it holds {number} "
            f"GPU{'' if number == 1 else 's'}{node}{since}"
        )
