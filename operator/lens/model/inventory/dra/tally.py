"""Counts equal GPUs of DRA. All sums of these GPUs are made from the counts."""

from collections.abc import Iterable

from lens.model.inventory.dra.gpus import SLICE_GONE, GpuState, HeldGpu

Alike = tuple[str, str | None, bool, GpuState]
"""The fields in which GPUs are compared: driver, product, whether their slice is gone, state."""

Tally = tuple[tuple[Alike, int], ...]
"""The number of equal GPUs. Many nodes have the same tally."""


def tally(gpus: Iterable[HeldGpu]) -> Tally:
    """Count equal GPUs."""
    found: dict[Alike, int] = {}
    for each in gpus:
        gpu = each.gpu
        kind = gpu.place.driver, gpu.product, each.details.reason == SLICE_GONE, each.state
        found[kind] = found.get(kind, 0) + 1
    return tuple(found.items())
