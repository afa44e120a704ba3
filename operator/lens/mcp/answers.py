"""The tools' answers: the API's responses without the fields that a model doesn't need.

Each type here is one of the API's types without the fields that are named, so a field that the API adds is
shown. Null, empty and missing fields are left out. Texts of rows are truncated.
"""

from collections.abc import Collection, Mapping
from keyword import iskeyword
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from lens.api.schemas import alerts_and_events, clusters, dra, fit, node_detail, nodes, pending, status, tasks

MAX_TEXT_CHARS = 300
"""The length of a text, in which users may have written anything."""


def truncated(text: str) -> str:
    """Return at most the first MAX_TEXT_CHARS characters."""
    return text if len(text) <= MAX_TEXT_CHARS else text[: MAX_TEXT_CHARS - 1] + "…"


def subset(
    schema: Any,
    required: Collection[str],
    without: Collection[str] = (),
    unless_zero: Collection[str] = (),
    nested: Mapping[str, Any] | None = None,
    added: Mapping[str, Any] | None = None,
) -> Any:
    """Return a type that decodes a response of the API's type ``schema`` and encodes a tool's answer.

    A response must have the ``required`` fields. Fields ``without`` are left out, and fields ``unless_zero``
    are left out while they are 0 or false. ``nested`` has the types of the elements of some fields. ``added``
    has the fields that the tool sets itself, with their types. Raise ValueError for a field that the API's
    type doesn't have.
    """
    nested, hints = nested or {}, get_type_hints(schema)
    unknown = {*required, *without, *unless_zero, *nested} - hints.keys()
    if unknown:
        raise ValueError(f"{schema.__name__} has no {', '.join(sorted(unknown))}")
    names = {name: f"{name}_" if iskeyword(name) else name for name in hints if name not in without}
    fields: list[Any] = []
    for name, python_name in names.items():
        kind = _with_elements(hints[name], nested[name]) if name in nested else hints[name]
        if name in required:
            fields.append((python_name, kind))
        else:
            fields.append(_optional(python_name, kind, unless_zero=name in unless_zero))
    fields += [(name, kind | msgspec.UnsetType, msgspec.UNSET) for name, kind in (added or {}).items()]
    return msgspec.defstruct(
        schema.__name__,
        fields,
        kw_only=True,
        omit_defaults=True,
        rename={python_name: name for name, python_name in names.items()},
        # A page has no texts of users, and its "continue" must stay complete.
        namespace={} if "continue" in names else {"__post_init__": _truncate_texts},
    )


def _optional(name: str, kind: Any, *, unless_zero: bool) -> tuple[str, Any, Any]:
    origin = get_origin(kind)
    if NoneType in get_args(kind):
        return name, kind, None
    if origin in (list, dict):
        return name, kind, msgspec.field(default_factory=origin)
    if unless_zero:
        return name, kind, kind()
    return name, kind | msgspec.UnsetType, msgspec.UNSET


def _with_elements(kind: Any, element: Any) -> Any:
    if get_origin(kind) is list:
        return list[element]
    return element | None if NoneType in get_args(kind) else element


def _truncate_texts(row: msgspec.Struct) -> None:
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, str):
            setattr(row, name, truncated(value))


_MOMENT = ("cluster", "timestamp")


def _others(schema: Any, *names: str) -> Collection[str]:
    """Return the fields of a type except ``names``."""
    return set(schema.__annotations__) - {*names}


Cluster = subset(clusters.Cluster, required=("name", "status"), without=("local",))
Clusters = subset(clusters.Clusters, required=("clusters",), nested={"clusters": Cluster})

Freshness = subset(
    status.Freshness,
    required=("synced", "age_seconds"),
    without=("watch_age_seconds", "coverage", "sequence"),
)
ProblemPool = subset(dra.ProblemPool, required=("driver", "pool", "reason"))
Dra = subset(
    dra.Dra,
    required=(),
    unless_zero=("total_problem_pools", "both_ways_nodes"),
    nested={"problem_pools": ProblemPool},
)
Status = subset(
    status.Status,
    required=(*_MOMENT, "current_gpu_usage", "available_resources"),
    without=("nodes", "alerts", "recent_events"),
    unless_zero=("approximate",),
    nested={"freshness": Freshness, "dra": Dra},
)

Device = subset(tasks.ClaimedDevice, required=("driver", "pool", "device"), without=("uuid", "gpu_uuid"))
Claim = subset(tasks.Claim, required=("ready",), nested={"devices": Device})

Task = subset(
    tasks.Task,
    required=("namespace", "pod_name"),
    without=("pod_uid", "workload_reason", "started_at", "owner", "resources", "gpu_uuids"),
    unless_zero=("terminating", "approximate"),
    nested={"claims": Claim},
)
Tasks = subset(tasks.RunningTasks, required=(*_MOMENT, "total_tasks", "tasks"), nested={"tasks": Task})

FitReason = subset(fit.FitReason, required=("code", "message", "nodes"))
PendingFit = subset(
    pending.PendingFit, required=("fits", "reason", "complete"), nested={"reasons": FitReason}
)
PendingTask = subset(
    pending.PendingTask,
    required=("namespace", "pod_name"),
    without=("pod_uid", "workload_reason", "created_at", "owner"),
    unless_zero=("affinity", "terminating"),
    nested={"claims": Claim, "fit": PendingFit},
)
PendingTasks = subset(
    pending.PendingTasks, required=(*_MOMENT, "total_tasks", "tasks"), nested={"tasks": PendingTask}
)

Node = subset(
    nodes.Node,
    required=("node_name", "status", "available_gpus"),
    without=("resources",),
    unless_zero=(
        "unhealthy_gpus",
        "unavailable_gpus",
        "overcommitted_gpus",
        "unschedulable",
        "approximate",
    ),
)
Nodes = subset(nodes.Nodes, required=(*_MOMENT, "total_nodes", "nodes"), nested={"nodes": Node})

DeviceClaim = subset(dra.DeviceClaim, required=("namespace", "resource_claim"))
DraDevice = subset(dra.DraDevice, required=("device",), nested={"claims": DeviceClaim})
DraGpu = subset(dra.DraGpu, required=("driver", "pool", "name"), nested={"devices": DraDevice})
Holder = subset(node_detail.GpuHolder, required=("namespace", "pod", "container"))
Gpu = subset(
    node_detail.Gpu,
    required=("state", "health"),
    without=("source", "product", "instances", "sampled_at", "reasons"),
    nested={"holders": Holder, "dra": DraGpu},
)
NodeTelemetry = subset(node_detail.NodeTelemetry, required=("source", "state"))
NodeDetail = subset(
    node_detail.NodeDetail,
    required=(*_MOMENT, "node", "gpus"),
    nested={"node": Node, "telemetry": NodeTelemetry, "gpus": Gpu},
)

FitPods = subset(fit.FitPods, required=("name", "fits", "replicas", "placed"), nested={"reasons": FitReason})
Fit = subset(fit.Fit, required=(*_MOMENT, "fits", "complete", "pods"), nested={"pods": FitPods})

Alert = subset(alerts_and_events.Alert, required=("severity", "type", "source", "message"), without=("id",))
Alerts = subset(
    status.Status,
    required=(*_MOMENT, "alerts"),
    without=_others(status.Status, *_MOMENT, "alerts"),
    nested={"alerts": Alert},
    added={"total_alerts": int},
)
