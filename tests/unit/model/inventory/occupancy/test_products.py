"""GPUs by product: one spelling wherever it comes from, sums that are the cluster's, and no guesses."""

import msgspec
import pytest

from lens.model.gpu.node_report import Health
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.placement import DevicePlacement, Placement
from lens.model.inventory.occupancy.products import (
    NONE_AVAILABLE,
    OTHER_PRODUCTS,
    SEVERAL_PRODUCTS,
    UNKNOWN_DEVICES,
    UNKNOWN_PRODUCT,
    reported_products,
)
from lens.model.inventory.snapshot import Snapshot
from lens.model.k8s.bounds import MAX_PRODUCTS
from tests.unit.model.manifests import GPU, Object, container, ledger_of, node, pod, snapshot_of

LABEL = "nvidia.com/gpu.product"
H100 = "NVIDIA-H100-80GB-HBM3"
A100 = "NVIDIA-A100-SXM4-40GB"

Rows = dict[str | None, tuple[int, int, int, int, int]]


def rows(snapshot: Snapshot) -> Rows:
    """Return allocated, unhealthy, unavailable, available and the largest block by product, or reason."""
    assert sum((each.states for each in snapshot.products), GpuStates()) == snapshot.states
    return {
        each.product or each.reason: (*msgspec.structs.astuple(each.states), each.largest_block)
        for each in snapshot.products
    }


def reported(*products: str | None, holders: dict[str, list[int]] | None = None) -> Placement:
    """Return an agent's report of GPUs and of their holders."""
    gpus = tuple(
        GpuTelemetry(index=index, uuid=f"GPU-{index}", sampled_at=0, health=Health("ok"), product=product)
        for index, product in enumerate(products)
    )
    return Placement(
        instances={},
        pods={
            path: tuple(DevicePlacement(GPU, f"GPU-{index}", f"GPU-{index}") for index in indices)
            for path, indices in (holders or {}).items()
        },
        products=reported_products(NodeTelemetry(node="node-1", source="agent", gpus=gpus)),
    )


def placed(placement: Placement, *objects: Object) -> Rows:
    ledger = ledger_of(*objects)
    ledger.put_placement("node-1", placement)
    return rows(ledger.snapshot())


def test_products_add_up_and_the_largest_block_has_one() -> None:
    snapshot = snapshot_of(
        node("h-0", 8, labels={LABEL: H100}),
        node("h-1", 8, labels={LABEL: H100}, unschedulable=True),
        node("a-0", capacity={GPU: 8}, allocatable={GPU: 7}, labels={LABEL: A100}),
        node("x-0", 2),
        pod(container(gpus=2), name="a", node="h-0"),
    )
    assert rows(snapshot) == {
        H100: (2, 0, 8, 6, 6),
        A100: (0, 1, 0, 7, 7),
        UNKNOWN_PRODUCT: (0, 0, 0, 2, 2),
    }
    assert (snapshot.max_contiguous, snapshot.max_contiguous_product) == (7, (A100, None))
    assert msgspec.structs.asdict(snapshot.gpu_nodes) == {
        "idle": 2,
        "partly_used": 1,
        "full": 0,
        "closed": 1,
    }
    assert snapshot.gpu_nodes.idle + snapshot.gpu_nodes.partly_used == snapshot.available_nodes


def test_a_node_without_an_available_gpu_is_full_and_one_without_gpus_is_none() -> None:
    snapshot = snapshot_of(
        node("held", 2),
        node("ill", capacity={GPU: 2}, allocatable={GPU: 0}),
        node("bare", 0),
        pod(container(gpus=2), node="held"),
        pod(container(gpus=2), name="b", node="missing"),
    )
    assert (snapshot.gpu_nodes.full, snapshot.gpu_nodes.total) == (2, 2)


def test_of_equal_blocks_the_first_product_by_name_counts_and_without_any_the_reason() -> None:
    nodes = [node(name, 4, labels={LABEL: product}) for name, product in (("a", H100), ("b", A100))]
    assert snapshot_of(*nodes, node("c", 4)).max_contiguous_product == (A100, None)
    assert snapshot_of(*nodes, node("c", 5)).max_contiguous_product == (None, UNKNOWN_PRODUCT)
    assert snapshot_of(node("a", 0)).max_contiguous_product == (None, NONE_AVAILABLE)
    ledger = ledger_of(node(gpus=4))
    ledger.put_placement("node-1", reported("A", "A", "B", "B"))
    assert ledger.snapshot().max_contiguous_product == (None, SEVERAL_PRODUCTS)


@pytest.mark.parametrize(
    "label", [H100, f"{H100}-SHARED", f"{H100}-MIG-1g.10gb", f"{H100}-MIG-1g.10gb.me-SHARED"]
)
def test_a_shared_gpu_has_the_product_of_whole_ones(label: str) -> None:
    snapshot = snapshot_of(node(gpus=4, labels={LABEL: label}), node("other", 4, labels={LABEL: H100}))
    assert list(rows(snapshot)) == [H100]


def test_each_vendors_gpus_on_one_node_have_its_own_label() -> None:
    offered = {GPU: 2, "amd.com/gpu": 3, "habana.ai/gaudi": 1}
    labels = {LABEL: H100, "amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}
    snapshot = snapshot_of(node(capacity=offered, allocatable=offered, labels=labels))
    assert {product: row[3] for product, row in rows(snapshot).items()} == {
        "AMD_Instinct_MI300X_OAM": 3,
        H100: 2,
        UNKNOWN_PRODUCT: 1,
    }


def test_an_agents_product_is_spelt_as_a_label_and_counts_without_one() -> None:
    names = ("NVIDIA H100 80GB HBM3", None)
    assert placed(reported(*names), node(gpus=2)) == {H100: (0, 0, 0, 2, 2)}
    assert placed(reported(*names), node(gpus=2, labels={LABEL: A100})) == {A100: (0, 0, 0, 2, 2)}


def test_of_several_products_on_a_node_the_agent_knows_the_held_ones() -> None:
    gpus = ("H", "H", "A", "A")
    label = {LABEL: "H"}
    task = pod(container(gpus=1), name="a")
    assert placed(reported(*gpus, holders={"team/a": [2]}), node(gpus=4, labels=label), task) == {
        "A": (1, 0, 0, 1, 1),
        "H": (0, 0, 0, 2, 2),
    }
    # It is unknown which one is held.
    assert placed(reported(*gpus), node(gpus=4, labels=label), task) == {UNKNOWN_DEVICES: (1, 0, 0, 3, 3)}
    # One free GPU is unhealthy, and it is unknown which.
    ill = node(capacity={GPU: 4}, allocatable={GPU: 3}, labels=label)
    assert placed(reported(*gpus, holders={"team/a": [2]}), ill, task) == {
        "A": (1, 0, 0, 0, 0),
        UNKNOWN_DEVICES: (0, 1, 0, 2, 2),
    }
    # All are held, or it reports fewer than there are.
    all_held = pod(container(gpus=4), name="a")
    assert placed(reported(*gpus), node(gpus=4), all_held) == {"A": (2, 0, 0, 0, 0), "H": (2, 0, 0, 0, 0)}
    assert placed(reported(*gpus), node(gpus=5)) == {UNKNOWN_DEVICES: (0, 0, 0, 5, 5)}


def test_a_pods_own_status_says_which_product_its_gpus_are() -> None:
    devices = [{"name": GPU, "resources": [{"resourceID": "GPU-3", "health": "Healthy"}]}]
    status = {"containerStatuses": [{"name": "main", "allocatedResourcesStatus": devices}]}
    found = placed(reported("H", "H", "A", "A"), node(gpus=4), pod(container(gpus=1), status=status))
    assert found["A"] == (1, 0, 0, 1, 1)


def test_of_too_many_products_the_smallest_are_summed() -> None:
    nodes = [node(f"n{number}", number, labels={LABEL: f"P{number}"}) for number in range(1, 41)]
    found = rows(snapshot_of(*nodes, node("unknown", 3)))
    assert len(found) == MAX_PRODUCTS + 2
    assert next(iter(found)) == "P40"
    assert found[OTHER_PRODUCTS] == (0, 0, 0, sum(range(1, 9)), 8)


def test_a_removed_node_leaves_no_product_behind() -> None:
    ledger = ledger_of(node(gpus=8, labels={LABEL: H100}))
    assert ledger.snapshot().products
    ledger.put_node("node-1", None)
    assert ledger.snapshot().products == ()
    assert ledger.snapshot().gpu_nodes.total == 0
