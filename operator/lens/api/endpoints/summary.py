"""``/api/v1/realtime/summary``: the sums over all clusters."""

from collections.abc import Sequence

from lens.api import schemas
from lens.api.endpoints.clusters import ClusterStatus, Figures, cluster
from lens.model.k8s import timestamps


def summary(statuses: Sequence[ClusterStatus], now: float) -> schemas.Summary:
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
            "max_contiguous_gpu": max((each.max_contiguous_gpu for each in available), default=0),
        },
        "coverage": round(reporting / total, 3) if total else 0.0,
        "clusters": [_cluster(each) for each in statuses],
        "unreachable": [each.name for each in statuses if each.status == "unreachable"],
    }


def _cluster(status: ClusterStatus) -> schemas.ClusterSummary:
    entry, figures = cluster(status), status.figures
    row: schemas.ClusterSummary = {
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
        },
    }
    if "reason" in entry:
        row["reason"] = entry["reason"]
    return row


def _usage(figures: Figures) -> schemas.GpuUsage:
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
