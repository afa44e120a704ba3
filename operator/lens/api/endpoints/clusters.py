"""``/api/v1/clusters``: the clusters of this Lens and their status."""

from typing import Annotated, Literal, NamedTuple

import msgspec

from lens.api.schemas.clusters import Cluster
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.node_use import NodeUse
from lens.model.inventory.occupancy.products import ProductCount
from lens.model.k8s.bounds import LONGEST_WORD, MAX_PRODUCTS

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""A peer's number, up to the largest integer that every JSON reader reads exactly."""

Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e10)]


class Usage(msgspec.Struct, frozen=True):
    """A status' ``current_gpu_usage``."""

    total_gpus: Count
    allocated_gpus: Count
    utilized_gpus: Count
    utilization_rate: Percent


Name = Annotated[str, msgspec.Meta(max_length=LONGEST_WORD)]
Reason = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]

NOT_REPORTED = "NOT_REPORTED"
"""The cluster's Lens is older and doesn't have the field."""


class Available(msgspec.Struct, frozen=True):
    """A status' ``available_resources``."""

    available_gpus: Count
    available_nodes: Count
    max_contiguous_gpu: Count
    max_contiguous_gpu_product: Name | None = None
    max_contiguous_gpu_reason: Reason | None = NOT_REPORTED


class Product(msgspec.Struct, frozen=True):
    """An entry of a status' ``products``."""

    product: Name | None
    reason: Reason | None
    allocated: Count
    available: Count
    unhealthy: Count
    unavailable: Count
    largest_block: Count

    @property
    def count(self) -> ProductCount:
        """Return it in the model's type, which can be added up."""
        states = GpuStates(self.allocated, self.unhealthy, self.unavailable, self.available)
        return ProductCount(self.product, self.reason, states, self.largest_block)


Products = Annotated[tuple[Product, ...], msgspec.Meta(max_length=4 * MAX_PRODUCTS)]


class GpuNodes(msgspec.Struct, frozen=True):
    """A status' ``gpu_nodes``."""

    idle: Count
    partly_used: Count
    full: Count
    closed: Count

    @property
    def use(self) -> NodeUse:
        """Return it in the model's type, which can be added up."""
        return NodeUse(self.idle, self.partly_used, self.full, self.closed)


class Freshness(msgspec.Struct, frozen=True):
    """The fields of a status' ``freshness`` that are aggregated."""

    age_seconds: Seconds


class Telemetry(msgspec.Struct, frozen=True):
    """The fields of a status' ``telemetry`` that are aggregated."""

    coverage: Annotated[float, msgspec.Meta(ge=0, le=1)]


class Figures(msgspec.Struct, frozen=True):
    """The fields of a status that are aggregated."""

    current_gpu_usage: Usage
    running_tasks: Count
    available_resources: Available
    freshness: Freshness
    telemetry: Telemetry | None = None
    products: Products | None = None
    gpu_nodes: GpuNodes | None = None

    @property
    def reporting_gpus(self) -> float:
        """Return how many GPUs report utilization; all of them if it is unknown."""
        coverage = 1.0 if self.telemetry is None else self.telemetry.coverage
        return coverage * self.current_gpu_usage.total_gpus


class ClusterStatus(NamedTuple):
    """A cluster's status, its age in seconds, and its figures unless it is syncing or unreachable."""

    name: str
    local: bool
    status: Literal["ok", "stale", "syncing", "unreachable"]
    age: float | None = None
    figures: Figures | None = None
    reason: Literal["TIMEOUT", "FORBIDDEN", "FAILED"] | None = None


def cluster(status: ClusterStatus) -> Cluster:
    """Return the entry of a cluster."""
    figures = status.figures
    entry: Cluster = {
        "name": status.name,
        "local": status.local,
        "status": status.status,
        "age_seconds": None if status.age is None else round(status.age, 3),
        "totals": None
        if figures is None
        else {
            "total_gpus": figures.current_gpu_usage.total_gpus,
            "allocated_gpus": figures.current_gpu_usage.allocated_gpus,
            "available_gpus": figures.available_resources.available_gpus,
            "running_tasks": figures.running_tasks,
        },
    }
    if status.reason is not None:
        entry["reason"] = status.reason
    return entry
