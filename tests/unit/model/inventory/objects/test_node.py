"""A node offers what its allocatable says, and shows what else there is of it."""

import pytest

from lens.model.inventory.objects.node import NodeResource
from lens.model.k8s.taints import Taint
from tests.unit.model.manifests import GPU, NOW, Object, node, read_node, snapshot_of, viewed_node

AMD = "amd.com/gpu"


def test_a_node_offers_each_of_its_gpu_resources() -> None:
    raw = node(
        capacity={GPU: "8", AMD: "4", "cpu": "64", "gpu.intel.com/i915_monitoring": "1"},
        allocatable={GPU: "6", AMD: "4", "cpu": "63"},
    )
    assert [(each.resource, each.capacity, each.allocatable) for each in viewed_node(raw).offers] == [
        (AMD, 4, 4),
        (GPU, 8, 6),
    ]


@pytest.mark.parametrize(
    ("capacity", "allocatable", "offer"),
    [
        ({GPU: "8"}, {}, NodeResource(GPU, 8, 0)),
        ({}, {GPU: "8"}, NodeResource(GPU, 0, 8)),
        ({GPU: "0"}, {GPU: "0"}, NodeResource(GPU, 0, 0)),
        # The scheduler rounds each of a node's quantities up.
        ({GPU: "7500m"}, {GPU: "6.1"}, NodeResource(GPU, 8, 7)),
    ],
)
def test_a_node_that_names_a_gpu_resource_is_a_gpu_node(
    capacity: Object, allocatable: Object, offer: NodeResource
) -> None:
    assert viewed_node(node(capacity=capacity, allocatable=allocatable)).offers == (offer,)


@pytest.mark.parametrize(
    "raw",
    [
        node(capacity={"cpu": "64"}, allocatable={"cpu": "64"}),
        {"metadata": {"name": "n", "resourceVersion": "1"}},
        {"metadata": {"name": "n", "resourceVersion": "1"}, "status": {"capacity": None}},
    ],
)
def test_a_node_that_names_none_has_none_without_a_complaint(raw: Object) -> None:
    reading = read_node(raw)
    assert reading.value is not None
    assert (reading.value.offers, reading.problem) == ((), None)
    assert not snapshot_of(node(capacity={"cpu": "64"}, allocatable={"cpu": "64"})).nodes


@pytest.mark.parametrize("field", ["capacity", "allocatable"])
@pytest.mark.parametrize("quantity", ["-1", "eight", ""])
def test_a_quantity_that_is_none_is_named_with_its_field(field: str, quantity: str) -> None:
    raw = node(gpus="8")
    raw["status"][field][GPU] = quantity
    reading = read_node(raw)
    assert reading.key == "node-1"
    assert reading.value is None
    assert reading.problem is not None
    assert reading.problem.startswith(f"status.{field}: {GPU}: {quantity!r}")


@pytest.mark.parametrize(
    ("status", "ready"), [("True", True), ("False", False), ("Unknown", False), (None, None)]
)
def test_a_node_is_ready_if_its_condition_says_so(status: str | None, ready: bool | None) -> None:
    assert viewed_node(node(gpus="8", ready=status)).ready is ready


def test_cordon_and_taints_are_the_specs() -> None:
    view = viewed_node(node(gpus="8", unschedulable=True, taints=["team=a:NoSchedule", "x:NoExecute"]))
    assert view.unschedulable
    assert view.taints == (Taint("team", "a", "NoSchedule"), Taint("x", None, "NoExecute"))
    assert not viewed_node(node(gpus="8", unschedulable=None)).unschedulable
    assert not viewed_node(
        {"metadata": {"name": "n", "resourceVersion": "1"}, "status": {"capacity": {GPU: 1}}}
    ).taints


@pytest.mark.parametrize(
    "label", ["nvidia.com/gpu.product", "amd.com/gpu.product-name", "gpu.intel.com/product"]
)
def test_the_product_is_what_feature_discovery_labelled(label: str) -> None:
    assert viewed_node(node(gpus="8", labels={label: "H100"})).product == "H100"
    assert viewed_node(node(gpus="8")).product is None


def test_a_heartbeat_makes_no_difference() -> None:
    later = node(gpus="8")
    later["metadata"] |= {"resourceVersion": "8", "annotations": {"a": "b"}}
    later["status"]["conditions"][0]["lastHeartbeatTime"] = NOW
    later["status"]["capacity"]["cpu"] = "64"
    assert viewed_node(later) == viewed_node(node(gpus="8"))
