"""What a model is shown of the API's answers: enough to act on, in few words.

Each type here is one of the API's types without the fields that it names, so a field that the API adds is
shown. Null, empty and missing fields are left out. Texts of rows are cut.
"""

from collections.abc import Collection, Mapping
from keyword import iskeyword
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from lens.api import schemas

LONGEST_TEXT = 300
"""Characters of a text, which may quote anything."""


def cut(text: str) -> str:
    """Return at most the first LONGEST_TEXT characters."""
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def shown(
    schema: Any,
    required: Collection[str],
    without: Collection[str] = (),
    unless_zero: Collection[str] = (),
    nested: Mapping[str, Any] | None = None,
    added: Mapping[str, Any] | None = None,
) -> Any:
    """Return a type that reads an answer of an API's type and writes what a model is shown of it.

    An answer must have the ``required`` fields. Fields ``without`` are not shown, and fields ``unless_zero``
    are not shown while they are 0 or false. ``nested`` has the types of the elements of some fields.
    ``added`` has the fields that the tool sets itself, with their types. Raise ValueError for a field that
    the API's type lacks.
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
        # Of what has rows, no text is one that somebody wrote, and "continue" has to stay whole.
        namespace={} if nested else {"__post_init__": _cut_texts},
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


def _cut_texts(row: msgspec.Struct) -> None:
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, str):
            setattr(row, name, cut(value))


_MOMENT = ("cluster", "timestamp")


def _others(schema: Any, *names: str) -> Collection[str]:
    """Return the fields of a type that are not named."""
    return set(schema.__annotations__) - {*names}


Cluster = shown(schemas.Cluster, required=("name", "status"), without=("local",))
Clusters = shown(schemas.Clusters, required=("clusters",), nested={"clusters": Cluster})

Freshness = shown(
    schemas.Freshness,
    required=("synced", "age_seconds"),
    without=("watch_age_seconds", "coverage", "sequence"),
)
Status = shown(
    schemas.Status,
    required=(*_MOMENT, "current_gpu_usage", "available_resources"),
    without=("nodes", "alerts", "recent_events"),
    unless_zero=("approximate",),
    nested={"freshness": Freshness},
)

Task = shown(
    schemas.Task,
    required=("namespace", "pod_name"),
    without=("pod_uid", "workload_reason", "started_at", "owner", "resources", "gpu_uuids"),
    unless_zero=("terminating", "approximate"),
)
Tasks = shown(schemas.RunningTasks, required=(*_MOMENT, "total_tasks", "tasks"), nested={"tasks": Task})

PendingTask = shown(
    schemas.PendingTask,
    required=("namespace", "pod_name"),
    without=("pod_uid", "workload_reason", "created_at", "owner"),
    unless_zero=("affinity", "terminating"),
)
PendingTasks = shown(
    schemas.PendingTasks, required=(*_MOMENT, "total_tasks", "tasks"), nested={"tasks": PendingTask}
)

Node = shown(
    schemas.Node,
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
Nodes = shown(
    schemas.Status,
    required=(*_MOMENT, "nodes"),
    without=_others(schemas.Status, *_MOMENT, "nodes"),
    nested={"nodes": Node},
    added={"total_nodes": int},
)

Holder = shown(schemas.GpuHolder, required=("namespace", "pod", "container"))
Gpu = shown(
    schemas.Gpu,
    required=("state", "health"),
    without=("source", "product", "instances", "sampled_at", "reasons"),
    nested={"holders": Holder},
)
NodeTelemetry = shown(schemas.NodeTelemetry, required=("source", "state"))
NodeDetail = shown(
    schemas.NodeDetail,
    required=(*_MOMENT, "node", "gpus"),
    nested={"node": Node, "telemetry": NodeTelemetry, "gpus": Gpu},
)

Alert = shown(schemas.Alert, required=("severity", "type", "source", "message"), without=("id",))
Alerts = shown(
    schemas.Status,
    required=(*_MOMENT, "alerts"),
    without=_others(schemas.Status, *_MOMENT, "alerts"),
    nested={"alerts": Alert},
    added={"total_alerts": int},
)
