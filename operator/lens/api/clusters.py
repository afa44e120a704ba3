"""``/api/v1/clusters``: which clusters can be asked for, and how they are."""

from lens.api import schemas
from lens.model.board import Notice


def cluster(name: str, notice: Notice, now: float, max_age: float) -> schemas.Cluster:
    """Return the entry of a cluster that is watched from here."""
    if not notice.synced:
        return {"name": name, "local": True, "status": "syncing", "age_seconds": None, "totals": None}
    states, age = notice.snapshot.states, notice.age(now)
    return {
        "name": name,
        "local": True,
        "status": "stale" if age > max_age else "ok",
        "age_seconds": round(age, 3),
        "totals": {
            "total_gpus": states.total,
            "allocated_gpus": states.allocated,
            "available_gpus": states.available,
            "running_tasks": notice.snapshot.running_tasks,
        },
    }
