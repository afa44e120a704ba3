"""What an attempt to schedule a pod has left behind for its extended resources, before it is deleted."""

import json

import pytest

from lens.model.fit.engine import fit
from lens.model.fit.pending import read_pending
from tests.unit.model import dra_manifests as dra
from tests.unit.model.fit.fleets import state
from tests.unit.model.manifests import GPU, Object, container, node, pod


def _pending(uid: str = "uid-train-0") -> Object:
    served = {"resourceClaimName": "claim-1", "requestMappings": [{"resourceName": GPU}]}
    waiting = pod(container(gpus="1"), node=None, status={"extendedResourceClaimStatus": served})
    waiting["metadata"]["uid"] = uid
    return waiting


def _left(owner: str = "uid-train-0") -> Object:
    raw = dra.claim(dra.result("gpu-0"), pods=["train-0"])
    owned = {"apiVersion": "v1", "kind": "Pod", "name": "train-0", "uid": owner, "controller": True}
    raw["metadata"]["ownerReferences"] = [owned]
    return raw


@pytest.mark.parametrize(
    ("objects", "fits", "not_checked"),
    [
        # The next attempt fails, and the one after it gets what the claim holds now.
        ([_left()], "unknown", ("leftover_claim",)),
        # It is gone already, or another pod's, and then holds the only device.
        ([], "yes", ()),
        ([_left("uid-of-another")], "no", ()),
    ],
)
def test_a_pod_whose_last_attempt_left_a_claim_is_unknown_until_it_is_gone(
    objects: list[Object], fits: str, not_checked: tuple[str, ...]
) -> None:
    room = {"cpu": "8", "pods": "110"}
    found = state([node(capacity=room, allocatable=room)])
    served_by = dra.device_class(extendedResourceName=GPU)
    for each in (dra.resource_slice(dra.gpu(0)), served_by, *objects):
        dra.put_fit(found.devices, each)
    result = fit(found.fleet(), read_pending(json.dumps(_pending()).encode(), None).whole())
    assert (result.fits, result.not_checked, result.complete) == (fits, not_checked, fits != "unknown")
