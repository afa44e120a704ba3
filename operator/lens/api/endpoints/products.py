"""GPUs by product, and nodes by their use, as rows of ``status`` and of the summary."""

from collections.abc import Iterable

from lens.api.schemas.gpu_figures import GpuNodes, Product
from lens.model.inventory.occupancy.node_use import NodeUse
from lens.model.inventory.occupancy.products import ProductCount


def product_rows(counts: Iterable[ProductCount]) -> list[Product]:
    """Return a row for each product."""
    return [
        {
            "product": each.product,
            "reason": each.reason,
            "total": each.states.total,
            "allocated": each.states.allocated,
            "available": each.states.available,
            "unhealthy": each.states.unhealthy,
            "unavailable": each.states.unavailable,
            "largest_block": each.largest_block,
        }
        for each in counts
    ]


def gpu_nodes(use: NodeUse) -> GpuNodes:
    """Return the numbers of nodes with GPUs."""
    return {
        "total": use.total,
        "idle": use.idle,
        "partly_used": use.partly_used,
        "full": use.full,
        "closed": use.closed,
    }
