"""``/api/v1/clusters``: which clusters can be asked for, and how they are."""

from lens.api import schemas
from lens.api.endpoints.overview import Standing


def cluster(standing: Standing) -> schemas.Cluster:
    """Return the entry of a cluster."""
    figures = standing.figures
    entry: schemas.Cluster = {
        "name": standing.name,
        "local": standing.local,
        "status": standing.status,
        "age_seconds": None if standing.age is None else round(standing.age, 3),
        "totals": None
        if figures is None
        else {
            "total_gpus": figures.current_gpu_usage.total_gpus,
            "allocated_gpus": figures.current_gpu_usage.allocated_gpus,
            "available_gpus": figures.available_resources.available_gpus,
            "running_tasks": figures.running_tasks,
        },
    }
    if standing.reason is not None:
        entry["reason"] = standing.reason
    return entry
