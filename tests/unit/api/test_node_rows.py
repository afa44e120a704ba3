"""The row of a node in the status."""

from lens.api.endpoints.status import node_row
from lens.model.inventory.dra.both_ways import BOTH_WAYS
from tests.unit.model.dra_manifests import gpu, resource_slice, snapshot_of
from tests.unit.model.manifests import node


def test_a_node_that_offers_gpus_both_ways_says_that_its_figures_are_approximate() -> None:
    snapshot = snapshot_of(node(gpus="4"), resource_slice(*map(gpu, range(6))))
    row = node_row(snapshot.nodes["node-1"], None)
    assert (row["total_gpus"], row["approximate"], row["approximate_reason"]) == (6, True, BOTH_WAYS)
    assert "units" not in row
