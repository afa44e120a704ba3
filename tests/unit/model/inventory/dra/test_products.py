"""GPUs that DRA hands out are of the product that their driver names, spelt as a node label would be."""

from lens.model.inventory.dra.gpus import SLICE_GONE
from lens.model.inventory.occupancy.gpu_states import GpuStates
from lens.model.inventory.occupancy.placement import Placement
from lens.model.inventory.occupancy.products import UNKNOWN_DEVICES, UNKNOWN_PRODUCT
from lens.model.inventory.snapshot import Snapshot
from tests.unit.model.dra_manifests import claim, cluster, device, gpu, resource_slice, result
from tests.unit.model.inventory.occupancy.test_products import A100, H100, LABEL, rows
from tests.unit.model.manifests import container, node, pod


def a100(index: int) -> dict[str, object]:
    return device(f"gpu-{index}", {"productName": "NVIDIA A100-SXM4-40GB", "type": "gpu"})


def test_a_drivers_product_is_that_of_the_label() -> None:
    snapshot = cluster(
        node("other", 4, labels={LABEL: H100}),
        node(),
        resource_slice(gpu(0), gpu(1), gpu(2), a100(3)),
        claim(result("gpu-0")),
    ).snapshot()
    assert rows(snapshot) == {H100: (1, 0, 0, 6, 4), A100: (0, 0, 0, 1, 1)}
    assert snapshot.max_contiguous_product == (H100, None)
    assert (snapshot.gpu_nodes.idle, snapshot.gpu_nodes.partly_used) == (1, 1)


def test_a_device_without_a_product_is_what_its_nodes_label_says() -> None:
    bare = resource_slice(device("gpu-0", {"type": "gpu"}))
    assert rows(cluster(node(labels={LABEL: H100}), bare).snapshot()) == {H100: (0, 0, 0, 1, 1)}
    assert rows(cluster(node(), bare).snapshot()) == {UNKNOWN_PRODUCT: (0, 0, 0, 1, 1)}


def test_a_held_device_whose_slice_is_gone_has_no_product_and_says_why() -> None:
    snapshot = cluster(node(labels={LABEL: H100}), resource_slice(gpu(0)), claim(result("gone"))).snapshot()
    assert rows(snapshot) == {H100: (0, 0, 0, 1, 1), SLICE_GONE: (1, 0, 0, 0, 0)}


def test_gpus_of_no_node_count_by_product_and_are_in_no_block() -> None:
    ledger = cluster(resource_slice(gpu(0), gpu(1), node=None, pool="rack", allNodes=True))
    assert rows(ledger.snapshot()) == {H100: (0, 0, 0, 2, 0)}
    ledger.put_slice("node-1-a", None)
    assert rows(ledger.snapshot()) == {}


def test_gpus_of_an_incomplete_pool_are_of_no_product_until_somebody_holds_them() -> None:
    snapshot = cluster(node(), resource_slice(gpu(0), gpu(1), count=2), claim(result("gpu-0"))).snapshot()
    assert rows(snapshot) == {H100: (1, 0, 0, 0, 0)}


def both_ways(*devices: dict[str, object], label: str) -> Snapshot:
    ledger = cluster(
        node(gpus="4", labels={LABEL: label}),
        resource_slice(*devices),
        pod(container(gpus=1), name="a"),
    )
    ledger.put_placement("node-1", Placement(instances={}, pods={}, reported=4))
    return ledger.snapshot()


def test_a_gpu_that_is_offered_both_ways_counts_once_for_its_product() -> None:
    one = both_ways(*map(gpu, range(4)), label=H100)
    assert rows(one) == {H100: (1, 0, 0, 3, 3)}
    two = both_ways(gpu(0), gpu(1), a100(2), a100(3), label=H100)
    assert rows(two) == {UNKNOWN_DEVICES: (1, 0, 0, 3, 3)}
    assert one.states == two.states == GpuStates(allocated=1, available=3)
