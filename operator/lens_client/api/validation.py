"""Checks that a response has the API's types, so that what reads it can trust it.

Lens may be newer than this version, or older. Fields and values that the types don't name are let through.
A field that this Lens doesn't have, or has as null, is unknown: it becomes null, or an object whose fields
are unknown. Only the essential ones have to be there.
"""

from collections.abc import Callable, Hashable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

Check = Callable[[Any], None]

_MOST = 2**63

ESSENTIAL: Mapping[str, frozenset[str]] = {
    "Access": frozenset({"cluster"}),
    "Alert": frozenset({"id", "source", "timestamp"}),
    "Change": frozenset({"timestamp"}),
    "ChangedAlerts": frozenset({"changed", "gone"}),
    "ChangedNodes": frozenset({"changed", "gone"}),
    "ChangedTasks": frozenset({"changed", "gone"}),
    "Cluster": frozenset({"name"}),
    "Clusters": frozenset({"clusters"}),
    "Event": frozenset({"object", "timestamp", "type"}),
    "Fit": frozenset({"fits", "placed", "replicas", "timestamp"}),
    "FitAlternative": frozenset({"change", "replicas", "value"}),
    "FitEvictable": frozenset({"fits", "gpus", "pods"}),
    "FitPlacement": frozenset({"node_name", "replicas"}),
    "FitPods": frozenset({"fits", "name", "placed", "replicas"}),
    "FitQuotaUse": frozenset({"asked", "hard", "quota", "resource", "used"}),
    "FitReason": frozenset({"code", "message", "nodes"}),
    "Heartbeat": frozenset({"timestamp"}),
    "Namespace": frozenset({"namespace"}),
    "Node": frozenset({"node_name"}),
    "NodeResource": frozenset({"resource"}),
    "NodeDetail": frozenset({"gpus", "node", "timestamp"}),
    "Nodes": frozenset({"nodes", "timestamp"}),
    "PendingFit": frozenset({"fits", "reason"}),
    "PendingTask": frozenset({"namespace", "pod_name", "requested_gpus"}),
    "PendingTasks": frozenset({"tasks", "timestamp"}),
    "RunningTasks": frozenset({"tasks", "timestamp"}),
    "Snapshot": frozenset({"timestamp"}),
    "Status": frozenset({"timestamp"}),
    "Task": frozenset({"allocated_gpus", "namespace", "pod_name"}),
}
"""The fields by type without which an answer is of no use."""


def check(kind: Any, value: Any) -> None:
    """Add the fields that a decoded JSON value of the type ``kind`` lacks, as unknown.

    Raise SchemaError for a value that isn't of the type.
    """
    checker(kind)(value)


class SchemaError(ValueError):
    """A value isn't of its type. The message names the field."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.path: list[str] = []
        self._problem = problem

    def __str__(self) -> str:
        """Return the path from the root to the field, and what is wrong with it."""
        path = "".join(reversed(self.path)).lstrip(".")
        return f"{path}: {self._problem}" if path else self._problem


_SCALARS: dict[Any, tuple[tuple[type, ...], str]] = {
    str: ((str,), "a string"),
    int: ((int,), "an integer"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
    NoneType: ((NoneType,), "null"),
}


@cache
def checker(kind: Hashable) -> Check:
    """Return the function that checks a type's values."""
    origin = get_origin(kind)
    if kind is Any or kind is object:
        return _anything
    if origin is Literal:
        return _scalar(*_SCALARS[type(get_args(kind)[0])])
    if is_typeddict(kind):
        return _fields(kind)
    if origin is list:
        return _elements(checker(get_args(kind)[0]))
    if origin is dict:
        return _values(checker(get_args(kind)[1]))
    if origin in (Union, UnionType):
        return _alternatives([checker(each) for each in get_args(kind)])
    return _scalar(*_SCALARS[kind])


def _anything(_: Any) -> None:
    pass


def _scalar(types: tuple[type, ...], called: str) -> Check:
    def checked(value: Any) -> None:
        # A bool is an int in Python, and not in JSON.
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise SchemaError(f"{str(value)[:40]!a} isn't {called}")
        if isinstance(value, (int, float)) and not -_MOST <= value < _MOST:  # as NaN isn't
            raise SchemaError(f"{str(value)[:40]} isn't {called} of 64 bits")

    return checked


def _fields(kind: Any) -> Check:
    required: frozenset[str] = kind.__required_keys__
    essential = ESSENTIAL.get(kind.__name__, frozenset())
    checks = [
        (name, checker(hint), name in required, name in essential, _has_null(hint), _unknown(hint))
        for name, hint in get_type_hints(kind).items()
    ]

    def checked(value: Any) -> None:
        if not isinstance(value, dict):
            raise SchemaError("isn't an object")
        for name, check_field, is_required, is_essential, has_null, unknown in checks:
            if name in value:
                if value[name] is None and not has_null and not is_essential:
                    if is_required:
                        value[name] = unknown()
                    else:
                        del value[name]
                    continue
                try:
                    check_field(value[name])
                except SchemaError as error:
                    error.path.append(f".{name}")
                    raise
            elif is_essential and is_required:
                raise SchemaError(f"has no field {name}")
            elif is_required:
                value[name] = unknown()

    return checked


def _has_null(hint: Any) -> bool:
    return hint is Any or hint is object or NoneType in get_args(hint)


def _unknown(hint: Any) -> Callable[[], Any]:
    """Return the function that makes the value of an unknown field."""
    if not is_typeddict(hint):
        return lambda: None
    required = [
        (name, _unknown(each))
        for name, each in get_type_hints(hint).items()
        if name in hint.__required_keys__
    ]
    return lambda: {name: unknown() for name, unknown in required}


def _elements(check_element: Check) -> Check:
    def checked(value: Any) -> None:
        if not isinstance(value, list):
            raise SchemaError("isn't a list")
        for index, element in enumerate(value):
            try:
                check_element(element)
            except SchemaError as error:
                error.path.append(f"[{index}]")
                raise

    return checked


def _values(check_value: Check) -> Check:
    def checked(value: Any) -> None:
        if not isinstance(value, dict):
            raise SchemaError("isn't an object")
        for name, each in value.items():
            try:
                check_value(each)
            except SchemaError as error:
                error.path.append(f"[{name[:40]!a}]")
                raise

    return checked


def _alternatives(checks: list[Check]) -> Check:
    def checked(value: Any) -> None:
        failure: SchemaError | None = None
        for each in checks:
            try:
                each(value)
            except SchemaError as error:
                # The deepest error is of the type that the value comes closest to.
                if failure is None or len(error.path) > len(failure.path):
                    failure = error
            else:
                return
        if failure is not None:
            raise failure

    return checked
