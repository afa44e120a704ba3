"""Cells that several tables have."""

from collections.abc import Mapping
from typing import Any

from lens_client.output import quantity
from lens_client.output.style import Part, Style
from lens_client.output.table import NONE, Cell, number


class Clock:
    """The time that ages are of: when an answer was made, in seconds since 1970; None if unknown."""

    def __init__(self, at: float | None = None) -> None:
        self.at = at


SEVERITIES: Mapping[str, Style] = {"critical": "red", "warning": "yellow", "info": "cyan"}


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


def resources(units: Mapping[str, Any]) -> str:
    """Return units by resource."""
    return ",".join(f"{name}={units[name]}" for name in units)


def node_gpus(node: Mapping[str, Any]) -> Cell:
    """Return a node's allocated GPUs of all, with a bar of its GPUs' states."""
    return Cell(f"{node['allocated_gpus']}/{node['total_gpus']}", bar=node_parts(node))


def node_parts(node: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return a node's GPUs by state."""
    return (
        Part("allocated", node["allocated_gpus"]),
        Part("unhealthy", node["unhealthy_gpus"]),
        Part("unavailable", node["unavailable_gpus"]),
        Part("available", node["available_gpus"]),
    )


def product_parts(product: Mapping[str, Any]) -> tuple[Part, ...]:
    """Return the GPUs of a product, or of the cluster, by state."""
    return (
        Part("allocated", product["allocated"]),
        Part("unhealthy", product["unhealthy"]),
        Part("unavailable", product["unavailable"]),
        Part("available", product["available"]),
    )


def node_status(node: Mapping[str, Any]) -> Cell:
    """Return a node's status as kubectl writes it; Tainted where taints keep GPU pods away."""
    words = [node["status"]]
    if node["unschedulable"]:
        words.append("SchedulingDisabled")
    elif not node["schedulable"] and node["status"] == "Ready":
        words.append("Tainted")
    bad = node["status"] != "Ready"
    return Cell(",".join(words), "red" if bad else "yellow" if len(words) > 1 else "")


def age(timestamp: str | None, clock: Clock) -> str:
    """Return the time since then, as kubectl writes it; NONE if one of the two isn't known."""
    if timestamp is None or clock.at is None:
        return NONE
    return quantity.duration(clock.at - quantity.epoch(timestamp))


def workload(row: Mapping[str, Any]) -> str:
    """Return the topmost known owner as kind/name."""
    return f"{row['workload_type']}/{row['workload_name']}"
