"""What keeps pods off nodes, in words and numbers, for ``fit`` and ``why``."""

from collections.abc import Mapping
from typing import Any

from lens_client.output.quantity import size
from lens_client.output.table import NONE

_WORDS = {
    "unschedulable": "cordoned",
    "taint": "a taint that the pod doesn't tolerate",
    "node_selector": "not selected by the pod's node selector or affinity",
    "node_name": "not the node that the pod names",
    "host_port": "a host port is taken",
    "pods": "no room for more pods",
}
_BYTES = ("memory", "ephemeral-storage", "hugepages-")


def in_words(reason: Mapping[str, Any]) -> str:
    """Return one reason: on how many nodes, what is short, and by how much."""
    number = reason["nodes"]
    nodes = f"{number} node{'' if number == 1 else 's'}: " if number else ""
    if reason["resource"] is None or reason["asked"] is None or reason["most_free"] is None:
        return nodes + str(_WORDS.get(reason["code"], reason["message"])) + _names(reason)
    resource = reason["resource"]
    asked, free, short = (amount(resource, reason[field]) for field in ("asked", "most_free", "short_by"))
    return f"{nodes}{asked} {resource} asked, {free} free at most, {short} short" + _names(reason)


def amount(resource: str, number: int | None) -> str:
    """Return an amount of a resource: the API has CPU in thousandths, and all else in ones."""
    if number is None:
        return NONE
    if resource == "cpu":
        return f"{number / 1000:g}"
    return size(number) if resource.startswith(_BYTES) else str(number)


def _names(reason: Mapping[str, Any]) -> str:
    names = reason.get("node_names") or ()
    if not names:
        return ""
    more = ", …" if reason["nodes"] > len(names) else ""
    return f" ({', '.join(names)}{more})"
