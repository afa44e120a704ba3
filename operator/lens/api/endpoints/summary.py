"""``/api/v1/realtime/summary``: the sums over all clusters."""

from collections.abc import Sequence
from typing import TypedDict

from lens.api.endpoints.clusters import NOT_REPORTED, Available, ClusterStatus, Figures, cluster
from lens.api.endpoints.products import gpu_nodes, product_rows
from lens.api.schemas.clusters import ClusterSummary, Summary
from lens.api.schemas.gpu_figures import GpuUsage
from lens.model.inventory.occupancy.node_use import NO_NODES
from lens.model.inventory.occupancy.products import NONE_AVAILABLE, shown
from lens.model.k8s import timestamps


def summary(statuses: Sequence[ClusterStatus], now: float) -> Summary:
    """Return the sums over the clusters with known figures, and the figures of each."""
    known = [(each.figures, each.age or 0.0) for each in statuses if each.figures is not None]
    figures = [each for each, _ in known]
    used, available = (
        [each.current_gpu_usage for each in figures],
        [each.available_resources for each in figures],
    )
    total = sum(each.total_gpus for each in used)
    allocated = sum(each.allocated_gpus for each in used)
    reporting = sum(each.reporting_gpus for each in figures)
    utilization_sum = sum(each.reporting_gpus * each.current_gpu_usage.utilization_rate for each in figures)
    return {
        "timestamp": timestamps.render(now - max(age for _, age in known)) if known else None,
        "current_gpu_usage": {
            "total_gpus": total,
            "allocated_gpus": allocated,
            "utilized_gpus": sum(each.utilized_gpus for each in used),
            "allocation_rate": _percent(allocated, total),
            "utilization_rate": round(utilization_sum / reporting, 1) if reporting else 0.0,
        },
        "running_tasks": sum(each.running_tasks for each in figures),
        "available_resources": {
            "available_gpus": sum(each.available_gpus for each in available),
            "available_nodes": sum(each.available_nodes for each in available),
            **_largest_block(available),
        },
        "coverage": round(reporting / total, 3) if total else 0.0,
        "products": product_rows(shown(product.count for each in figures for product in each.products or ())),
        "gpu_nodes": gpu_nodes(
            sum((each.gpu_nodes.use for each in figures if each.gpu_nodes is not None), NO_NODES)
        ),
        "without_products": [
            each.name for each in statuses if each.figures is not None and _unreported(each.figures)
        ],
        "clusters": [_cluster(each) for each in statuses],
        "unreachable": [each.name for each in statuses if each.status == "unreachable"],
    }


def _cluster(status: ClusterStatus) -> ClusterSummary:
    entry, figures = cluster(status), status.figures
    row: ClusterSummary = {
        "name": entry["name"],
        "local": entry["local"],
        "status": entry["status"],
        "age_seconds": entry["age_seconds"],
        "current_gpu_usage": None if figures is None else _usage(figures),
        "running_tasks": None if figures is None else figures.running_tasks,
        "available_resources": None
        if figures is None
        else {
            "available_gpus": figures.available_resources.available_gpus,
            "available_nodes": figures.available_resources.available_nodes,
            "max_contiguous_gpu": figures.available_resources.max_contiguous_gpu,
            "max_contiguous_gpu_product": figures.available_resources.max_contiguous_gpu_product,
            "max_contiguous_gpu_reason": figures.available_resources.max_contiguous_gpu_reason,
        },
        "products": None
        if figures is None or figures.products is None
        else product_rows(each.count for each in figures.products),
        "gpu_nodes": None
        if figures is None or figures.gpu_nodes is None
        else gpu_nodes(figures.gpu_nodes.use),
        "reasons": {} if figures is None else _unreported(figures),
    }
    if "reason" in entry:
        row["reason"] = entry["reason"]
    return row


class _LargestBlock(TypedDict):
    max_contiguous_gpu: int
    max_contiguous_gpu_product: str | None
    max_contiguous_gpu_reason: str | None


def _largest_block(available: Sequence[Available]) -> _LargestBlock:
    """Return the largest block of all clusters; of several with a product the first by its name."""
    size = max((each.max_contiguous_gpu for each in available), default=0)
    largest = [each for each in available if each.max_contiguous_gpu == size]
    products = [each.max_contiguous_gpu_product for each in largest if each.max_contiguous_gpu_product]
    reasons = [each.max_contiguous_gpu_reason for each in largest if each.max_contiguous_gpu_reason]
    return {
        "max_contiguous_gpu": size,
        "max_contiguous_gpu_product": min(products, default=None),
        "max_contiguous_gpu_reason": None if products else min(reasons, default=NONE_AVAILABLE),
    }


def _unreported(figures: Figures) -> dict[str, str]:
    """Return the fields that a cluster's Lens doesn't have."""
    fields = {"products": figures.products, "gpu_nodes": figures.gpu_nodes}
    return {name: NOT_REPORTED for name, value in fields.items() if value is None}


def _usage(figures: Figures) -> GpuUsage:
    usage = figures.current_gpu_usage
    return {
        "total_gpus": usage.total_gpus,
        "allocated_gpus": usage.allocated_gpus,
        "utilized_gpus": usage.utilized_gpus,
        "allocation_rate": _percent(usage.allocated_gpus, usage.total_gpus),
        "utilization_rate": usage.utilization_rate,
    }


def _percent(part: int, whole: int) -> float:
    return round(min(100.0, 100 * part / whole), 1) if whole else 0.0
