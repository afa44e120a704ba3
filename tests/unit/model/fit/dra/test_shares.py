"""A share of a device that no longer allows several allocations, as after its driver was configured anew."""

import json

import pytest

from lens.model.fit.engine import fit
from lens.model.fit.spec.asked import read_asked_pod
from lens.model.inventory.occupancy.gpu_states import GpuStates
from tests.unit.model import dra_manifests as dra
from tests.unit.model.fit.fleets import state
from tests.unit.model.manifests import Object, container, node, pod

ROOM = {"cpu": "8", "pods": "110"}
SLICE = dra.resource_slice(dra.gpu(0, capacity={"memory": {"value": "80Gi"}}))
SHARE = dra.claim(dra.result("gpu-0", shareID="one", consumedCapacity={"memory": "30Gi"}))


def _asking(memory: str | None) -> Object:
    capacity: Object = {} if memory is None else {"capacity": {"requests": {"memory": memory}}}
    return dra.claim(name="mine", **capacity)


@pytest.mark.parametrize(("memory", "fits"), [("50Gi", "yes"), ("51Gi", "no"), (None, "no")])
def test_it_holds_no_more_than_it_consumes_for_a_fit(memory: str | None, fits: str) -> None:
    found = state([node(capacity=ROOM, allocatable=ROOM)])
    for each in (SLICE, dra.device_class(), SHARE, _asking(memory)):
        dra.put_fit(found.devices, each)
    named = [{"name": "gpu", "resourceClaimName": "mine"}]
    asked = read_asked_pod(json.dumps(pod(container(), node=None, resourceClaims=named)).encode())
    assert fit(found.fleet(), asked).fits == fits


def test_its_gpu_is_allocated() -> None:
    snapshot = dra.snapshot_of(node(capacity=ROOM, allocatable=ROOM), SLICE, SHARE)
    assert snapshot.states == GpuStates(allocated=1)
    (only,) = snapshot.nodes["node-1"].gpus
    assert [each.allocated.consumed for each in only.holders] == [(("memory", "30Gi"),)]
