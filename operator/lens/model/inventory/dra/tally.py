"""How many GPUs are alike: what all sums of the GPUs that DRA hands out are made of."""

from collections.abc import Iterable

from lens.model.inventory.dra.gpus import SLICE_GONE, GpuState, HeldGpu

Alike = tuple[str, str | None, bool, GpuState]
"""What GPUs have in common: driver, product, whether their slice is gone, state."""

Tally = tuple[tuple[Alike, int], ...]
"""Numbers of GPUs. Many nodes have the same."""


def tally(gpus: Iterable[HeldGpu]) -> Tally:
    """Return how many GPUs are alike."""
    found: dict[Alike, int] = {}
    for each in gpus:
        gpu = each.gpu
        kind = gpu.place.driver, gpu.product, each.details.reason == SLICE_GONE, each.state
        found[kind] = found.get(kind, 0) + 1
    return tuple(found.items())
