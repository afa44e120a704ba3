"""The GPUs of one node by product, counted afresh; see tests.recount.

Written from docs/counting.md, "Products": GPU by GPU where that can be told.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.recount_gpus import Key, Reported, gpu_of

_STATES = ("allocated", "unhealthy", "unavailable", "available")
_LABELS = {
    "nvidia.com": "nvidia.com/gpu.product",
    "amd.com": "amd.com/gpu.product-name",
    "gpu.intel.com": "gpu.intel.com/product",
}

Row = tuple[str | None, str | None]


def largest(block: Mapping[str, int]) -> int:
    """Return how many of these GPUs one pod can have: of shared ones no more than a resource has units."""
    return min(block["available"], block.get("most", block["available"]))


def by_product(
    blocks: Iterable[tuple[str, Mapping[str, int]]],
    labels: Mapping[str, str],
    pods: Iterable[Key],
    devices: Mapping[Key, Iterable[tuple[str, str]]],
    reported: Reported,
) -> dict[Row, dict[str, int]]:
    """Return the states, and the largest block, of each product, or reason why there is none.

    ``blocks`` are the node's GPUs in their states, by vendor.
    """
    rows: dict[Row, dict[str, int]] = {}
    vendors: dict[str, list[Mapping[str, int]]] = {}
    for vendor, block in blocks:
        vendors.setdefault(vendor, []).append(block)
    for vendor, own in vendors.items():
        sums = {state: sum(block[state] for block in own) for state in _STATES}
        most = max(largest(block) for block in own)
        cards = [(uuid, product) for uuid, product in reported.cards if _vendor(reported) == vendor]
        names = {product for _, product in cards if product}
        if len(names) < 2:
            name = labelled(vendor, labels) or next(iter(names), None)
            _add(rows, (name, None if name else "UNKNOWN_PRODUCT"), sums, most)
            continue
        named = {gpu for key in pods for gpu in _gpus(key, devices, reported)}
        held: list[str | None] = [product for uuid, product in cards if uuid in named and product and uuid]
        if sums["allocated"] == sum(sums.values()) == len(cards):
            held = [product for _, product in cards]
        if len(cards) != sum(sums.values()) or len(held) != sums["allocated"]:
            _add(rows, (None, "UNKNOWN_DEVICES"), sums, most)
            continue
        left = [product for _, product in cards]
        for product in held:
            left.remove(product)
            _add(rows, _row(product), {"allocated": 1}, 0)
        states = [state for state in _STATES[1:] if sums[state]]
        if len(states) > 1:
            _add(rows, (None, "UNKNOWN_DEVICES"), {state: sums[state] for state in states}, most)
            continue
        for product in left:
            number = left.count(product) if states == ["available"] else 0
            _add(rows, _row(product), {states[0]: 1}, min(number, most))
    return {row: found for row, found in rows.items() if any(found[state] for state in _STATES)}


def _vendor(reported: Reported) -> str:
    return "amd.com" if reported.domain == "amd.com" else "nvidia.com"


def _row(product: str | None) -> Row:
    return product, None if product else "UNKNOWN_PRODUCT"


def _add(rows: dict[Row, dict[str, int]], row: Row, states: Mapping[str, int], block: int) -> None:
    found = rows.setdefault(row, dict.fromkeys((*_STATES, "largest_block"), 0))
    for state, number in states.items():
        found[state] += number
    found["largest_block"] = max(found["largest_block"], block)


def labelled(vendor: str, labels: Mapping[str, str]) -> str | None:
    """Return what a node's label says that its GPUs of a vendor are."""
    name = labels.get(_LABELS.get(vendor, ""), "")
    if vendor == "nvidia.com":
        name = name[: -len("-SHARED")] if name.endswith("-SHARED") else name
        whole = "-MIG-".join(name.split("-MIG-")[:-1])
        name = whole or name
    return name or None


def _gpus(key: Key, devices: Mapping[Key, Iterable[tuple[str, str]]], reported: Reported) -> set[str]:
    own = {gpu for _, _, gpu in reported.pods.get(key, ())}
    return own | {gpu for _, device in devices.get(key, ()) if (gpu := gpu_of(device))}


def sum_up(nodes: Iterable[Mapping[Row, Mapping[str, int]]]) -> dict[Row, dict[str, Any]]:
    """Return the sums over nodes."""
    rows: dict[Row, dict[str, int]] = {}
    for node in nodes:
        for row, found in node.items():
            _add(rows, row, {state: found[state] for state in _STATES}, found["largest_block"])
    return rows
