"""A vendor is one entry, and nothing that Lens has to know of it can be forgotten."""

import pytest

from lens.config.serve import ServeSettings
from lens.model.k8s.taints import Taint, TaintPolicy
from lens.model.k8s.vendors import CLOUDS, VENDORS, Cloud, Vendor
from tests.unit.model.manifests import node, snapshot_of, viewed_node

included = pytest.mark.parametrize(
    ("vendor", "resource"),
    [
        (vendor, pattern.replace("*", "1g.5gb" if "mig" in pattern else "x"))
        for vendor in VENDORS
        for pattern in vendor.resources
        if not pattern.startswith("!")
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)


@included
def test_a_node_with_a_vendors_resource_and_taint_has_available_gpus(vendor: Vendor, resource: str) -> None:
    taint = f"{vendor.taint.replace('*', 'x')}=present:NoSchedule"
    offered = {resource: 8}
    snapshot = snapshot_of(node(capacity=offered, allocatable=offered, taints=[taint]))
    assert snapshot.states.available == snapshot.states.total > 0


@included
def test_a_vendors_product_label_is_the_nodes_product(vendor: Vendor, resource: str) -> None:
    labels = {vendor.product_label: "A GPU"} if vendor.product_label else {}
    view = viewed_node(node(capacity={resource: 8}, labels=labels))
    assert view.product == ("A GPU" if labels else None)


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda each: each.name)
def test_a_vendors_names_are_in_its_domain(vendor: Vendor) -> None:
    names = [*vendor.resources, vendor.taint, vendor.product_label or vendor.taint]
    assert {name.removeprefix("!").partition("/")[0] for name in names} == {vendor.domain}
    assert not TaintPolicy().repels([Taint(vendor.taint.replace("*", "x"), effect="NoExecute")])


def test_the_settings_defaults_have_every_vendor() -> None:
    fields = ServeSettings.model_fields
    for vendor in VENDORS:
        assert set(vendor.resources) <= set(fields["gpu_resources"].default)
        assert vendor.taint in fields["tolerated_taints"].default


@pytest.mark.parametrize("cloud", CLOUDS, ids=lambda cloud: cloud.name)
def test_a_gpu_pool_tainted_as_a_cloud_documents_it_is_available(cloud: Cloud) -> None:
    assert set(cloud.taints) <= set(ServeSettings.model_fields["tolerated_taints"].default)
    for taint in cloud.taints:
        written = taint if ":" in taint else f"{taint}=true:NoSchedule"
        assert snapshot_of(node(gpus="8", taints=[written])).states.available == 8


def test_each_vendor_has_a_domain_of_its_own() -> None:
    assert len({vendor.domain for vendor in VENDORS}) == len(VENDORS)
