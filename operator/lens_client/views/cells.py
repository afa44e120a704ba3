"""Cells that several tables have."""

from collections.abc import Mapping
from typing import Any

from lens_client.output import quantity
from lens_client.output.style import Part, State, Style
from lens_client.output.table import NONE, Cell, number


class Clock:
    """The time that ages are of: when an answer was made, in seconds since 1970; None if unknown."""

    def __init__(self, at: float | None = None) -> None:
        self.at = at


_STATES: tuple[State, ...] = ("allocated", "unhealthy", "unavailable", "available")

SEVERITIES: Mapping[str, Style] = {"critical": "red", "warning": "yellow", "info": "cyan"}


def after(at: float | None, seconds: float | None) -> float | None:
    """Return a time so many seconds later; None if unknown."""
    return None if at is None else at + (seconds or 0)


def count(value: int | None, style: Style = "") -> Cell:
    """Return a number, in a colour unless it is 0."""
    return Cell(number(value), style if value else "")


def percent(value: float | None) -> str:
    """Return percent with the API's digits."""
    return number(value, "%")


def memory(value: int | None) -> str:
    """Return bytes as a quantity."""
    return NONE if value is None else quantity.size(value)


def used_of(used: int | None, total: int | None) -> str:
    """Return used and all memory."""
    return NONE if used is None and total is None else f"{memory(used)}/{memory(total)}"


def resources(units: Mapping[str, Any] | None) -> str:
    """Return units by resource."""
    return ",".join(f"{name}={number(value)}" for name, value in (units or {}).items())


def node_gpus(node: Mapping[str, Any]) -> Cell:
    """Return a node's allocated GPUs of all, with a bar of its GPUs' states."""
    return Cell(f"{number(node['allocated_gpus'])}/{number(node['total_gpus'])}", bar=node_parts(node))


def node_parts(node: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return a node's GPUs by state."""
    return _parts(node, "_gpus")


def product_parts(product: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return the GPUs of a product, or of the cluster, by state."""
    return _parts(product)


def _parts(row: Mapping[str, Any], suffix: str = "") -> tuple[Part, ...]:
    """Return the GPUs by state; none if one of the states isn't known, since a bar would hide that."""
    parts = tuple(Part(state, row[f"{state}{suffix}"]) for state in _STATES)
    return () if any(part.gpus is None for part in parts) else parts


def node_status(node: Mapping[str, Any]) -> Cell:
    """Return a node's status as kubectl writes it; Tainted where taints keep GPU pods away."""
    words = [node["status"] or NONE]
    if node["unschedulable"]:
        words.append("SchedulingDisabled")
    elif node["schedulable"] is False and node["status"] == "Ready":
        words.append("Tainted")
    bad = node["status"] not in ("Ready", None)
    return Cell(",".join(words), "red" if bad else "yellow" if len(words) > 1 else "")


def age(timestamp: str | None, clock: Clock) -> str:
    """Return the time since then, as kubectl writes it; NONE if one of the two isn't known."""
    then = None if timestamp is None else quantity.epoch(timestamp)
    return NONE if then is None or clock.at is None else quantity.duration(clock.at - then)


def workload(row: Mapping[str, Any]) -> str:
    """Return the topmost known owner as kind/name."""
    if row["workload_name"] is None:
        return NONE
    return f"{row['workload_type'] or NONE}/{row['workload_name']}"
