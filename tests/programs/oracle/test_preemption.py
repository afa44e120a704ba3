"""Whom kube-scheduler would evict: pods without which a pod fits, while all claims hold what they hold."""

from collections.abc import Iterator

import pytest

from lens.model.fit.trial import Trial
from tests import required
from tests.oracle import cases
from tests.oracle.dra_cases import expanded
from tests.oracle.lens import Lens
from tests.oracle.program import PROGRAM, Object, Oracle
from tests.profiles import full_or
from tests.unit.model.dra_manifests import claim, device_class, gpu, resource_slice, result
from tests.unit.model.fit.fleets import node, pod

PRIORITY = 5
ENDED = ("Succeeded", "Failed")


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle(required.program(PROGRAM)) as running:
        yield running


def test_a_node_is_one_to_preempt_on_if_the_pod_fits_there_without_the_lower_ones(oracle: Oracle) -> None:
    helped, with_devices = 0, 0
    for seed in range(2000, 2000 + full_or(60, 400)):
        made = cases.fleet(seed, 1)
        asked = made["asked"][0]
        asked["spec"]["priority"] = PRIORITY
        for each in made["nodes"]:
            # No node has room for another pod, so only an eviction helps.
            each["status"]["allocatable"]["pods"] = str(len(on(each["metadata"]["name"], made)))
        (answer,) = oracle.ask(expanded({**made, "victims": True}))
        if answer["fits"] or answer.get("error") or not answer.get("nodes"):
            continue
        helping = {each for each in answer["nodes"] if lower_on(each, made) and fits_without(each, made)}
        assert helping == answer.get("victims", {}).keys(), seed
        helped += bool(helping)
        with_devices += bool(helping) and "resourceClaims" in asked["spec"]
    print(f"{helped} helped, {with_devices} of them with claims")
    assert helped > with_devices > 0


def test_nobody_is_evicted_for_the_devices_of_a_claim(oracle: Oracle) -> None:
    low = pod(
        0, name="low", nodeName="node-1", resourceClaims=[{"name": "gpus", "resourceClaimName": "held"}]
    )
    low["spec"]["priority"] = 0
    asking = pod(0, name="asked", resourceClaims=[{"name": "gpus", "resourceClaimName": "own"}])
    asking["spec"]["priority"] = PRIORITY
    fleet: Object = {
        "namespaces": [],
        "nodes": [node("node-1", 0)],
        "pods": [low],
        "asked": [asking],
        "deviceClasses": [device_class()],
        "resourceSlices": [resource_slice(gpu(0))],
        "resourceClaims": [
            claim(result("gpu-0"), name="held", namespace="default", pods=("low",)),
            claim(name="own", namespace="default"),
        ],
        "victims": True,
    }
    (answer,) = oracle.ask(fleet)
    assert answer["nodes"] == {"node-1": ["cannot allocate all claims"]}
    assert "victims" not in answer


def lower_on(name: str, fleet: Object) -> list[Object]:
    """Return the pods of a lower priority on a node."""
    return [each for each in on(name, fleet) if each["spec"].get("priority", 0) < PRIORITY]


def on(name: str, fleet: Object) -> list[Object]:
    """Return the pods that are on a node."""
    return [
        each
        for each in fleet["pods"]
        if each["spec"].get("nodeName") == name and each["status"].get("phase") not in ENDED
    ]


def fits_without(name: str, fleet: Object) -> bool:
    """Tell whether the pod would fit a node if the lower ones on it were gone, but not their claims."""
    gone = list(map(id, lower_on(name, fleet)))
    lens = Lens({**fleet, "pods": [each for each in fleet["pods"] if id(each) not in gone]})
    trial = Trial(lens.state.fleet(), lens.read(fleet["asked"][0]))
    return trial.refused is None and name not in trial.rejections()
