"""Parameters of the list of nodes, and of one node."""

from collections.abc import Callable
from typing import ClassVar, Literal

from pydantic import Field

from lens.api.parameters.cluster import CapacityParameters, ClusterParameters
from lens.api.parameters.lists import ListParameters
from lens.api.parameters.names import NodeName, Product
from lens.api.parameters.numbers import GpuCount
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy

NodeStatus = Literal["Ready", "NotReady", "Unknown", "Missing"]
NodeSort = Literal[
    "name",
    "-name",
    "available_gpus",
    "-available_gpus",
    "allocated_gpus",
    "-allocated_gpus",
    "total_gpus",
    "-total_gpus",
]


class NodesParameters(CapacityParameters, ListParameters):
    """The cluster, how much of it is shown, the filter and order of its nodes, and the page."""

    beside_query: ClassVar[frozenset[str]] = frozenset({"namespace", "view"})

    sort: NodeSort = Field(default="name", description="The sort order; - reverses the order.")
    status: NodeStatus | None = Field(default=None, description="Return only nodes with this status.")
    product: Product | None = Field(
        default=None, description="Return only nodes with GPUs of this product, as the status names it."
    )
    available_min: GpuCount = Field(
        default=None,
        description="Return only nodes with at least this many available GPUs; of this product, if "
        "product is given.",
    )

    @property
    def filter(self) -> Callable[[NodeOccupancy], bool] | None:
        """Return the filter by status, product and available GPUs."""
        status, product, least = self.status, self.product, self.available_min or 0
        if (status, product, least) == (None, None, 0):
            return None

        def matches(node: NodeOccupancy) -> bool:
            if status is not None and node.status != status:
                return False
            if product is None:
                return node.states.available >= least
            found = next((each for each in node.products if each.product == product), None)
            return found is not None and found.states.available >= least

        return matches


class NodeParameters(ClusterParameters):
    """The cluster and the node."""

    in_path: ClassVar[frozenset[str]] = frozenset({"name"})

    name: NodeName = Field(description="The node's name.")
