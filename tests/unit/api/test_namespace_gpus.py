"""Each namespace's GPUs add up to what is allocated, whoever hands them out."""

from lens.api.endpoints.namespace_gpus import NamespaceGpus
from lens.model.inventory.snapshot import EMPTY
from tests.unit.model.dra_manifests import claim, gpu, resource_slice, result, snapshot_of
from tests.unit.model.manifests import GPU, container, node, pod


def test_claims_count_once_however_many_pods_share_them() -> None:
    claims = [{"name": "c", "resourceClaimName": "claim-1"}]
    sharing = [pod(container(), name=name, resourceClaims=claims) for name in ("a", "b")]
    held = claim(result("gpu-0"), pods=["a", "b"])
    unused = claim(result("gpu-1"), name="claim-2", namespace="other")
    snapshot = snapshot_of(
        node(capacity={"cpu": "8"}, allocatable={"cpu": "8"}),
        resource_slice(gpu(0), gpu(1), gpu(2)),
        held,
        unused,
        *sharing,
    )
    assert NamespaceGpus(9).count(snapshot) == {"team": 1, "other": 1}
    assert snapshot.states.allocated == 2


def test_gpus_of_no_node_count_too() -> None:
    shared = resource_slice(gpu(0), gpu(1), node=None, pool="rack", allNodes=True)
    held = claim(result("gpu-0", pool="rack"), node=None, pods=["a"])
    claims = [{"name": "c", "resourceClaimName": "claim-1"}]
    snapshot = snapshot_of(node(), shared, held, pod(container(), name="a", resourceClaims=claims))
    gpus = NamespaceGpus(9)
    assert gpus.count(snapshot) == {"team": 1}
    assert gpus.count(EMPTY) == {}


def test_pods_that_share_a_gpu_have_no_more_than_there_are() -> None:
    labels = {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.product": "NVIDIA-L4-SHARED"}
    units = {GPU: "4"}
    pods = [pod(container(gpus="1"), name=name) for name in ("a", "b", "c")]
    snapshot = snapshot_of(node(capacity=units, allocatable=units, labels=labels), *pods)
    assert snapshot.states.allocated == 1
    assert list(NamespaceGpus(9).count(snapshot).values()) == [1]
