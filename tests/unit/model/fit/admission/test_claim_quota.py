"""What claims add to quotas."""

from lens.model.fit.admission.claim_quota import made_for, serving_claim, shared_by
from lens.model.fit.dra.objects import FitClass
from lens.model.fit.dra.state import Devices
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import ALL, AskedClaim, ClaimSpec, DeviceRequest, SubRequest
from lens.model.fit.spec.containers import ContainerRequest

GPU, IMPLICIT = "requests.example.com/gpu", "requests.deviceclass.resource.kubernetes.io/"
PER_CLASS = ".deviceclass.resource.k8s.io/devices"
COUNT = "count/resourceclaims.resource.k8s.io"
# Two classes of one resource, and one of none.
DEVICES = Devices(
    classes={
        "old": FitClass("old", (), extended_resource="example.com/gpu"),
        "new": FitClass("new", (), extended_resource="example.com/gpu"),
        "bare": FitClass("bare", ()),
    },
    serving={"example.com/gpu": "new"},
)


def claim(*requests: tuple[SubRequest, ...], name: str = "") -> AskedClaim:
    spec = ClaimSpec(tuple(DeviceRequest(f"r{number}", each) for number, each in enumerate(requests)))
    return AskedClaim("c", claim=name, template="" if name else "t", spec=spec)


def of(device_class: str, count: int = 1, mode: str = "ExactCount") -> SubRequest:
    return SubRequest("", device_class, mode=mode, count=count)


def test_each_claim_counts_by_class_and_by_the_classes_resources() -> None:
    asked = AskedPod(claims=(claim((of("bare", 2),)), claim((of("bare", mode=ALL),))))
    assert made_for(asked, DEVICES) == {COUNT: 2, f"bare{PER_CLASS}": 34, f"{IMPLICIT}bare": 34}


def test_classes_that_share_a_resource_add_up_over_claims_but_not_within_one() -> None:
    both = AskedPod(claims=(claim((of("old", 2),), (of("new", 3),)),))
    assert made_for(both, DEVICES)[GPU] == 3
    single = AskedPod(claims=(claim((of("old", 2),)), claim((of("new", 3),))))
    assert made_for(single, DEVICES)[GPU] == 5


def test_of_alternatives_the_worst_counts_for_each_class() -> None:
    asked = AskedPod(claims=(claim((of("old", 1), of("old", 4), of("bare", 2)), (of("old", 1),)),))
    adds = made_for(asked, DEVICES)
    assert (adds[f"old{PER_CLASS}"], adds[f"bare{PER_CLASS}"]) == (5, 2)


def test_claims_that_pods_share_are_told_apart_by_name() -> None:
    asked = AskedPod(claims=(claim((of("bare"),)), claim((of("bare", 2),), name="one")))
    assert {name: adds[f"bare{PER_CLASS}"] for name, adds in shared_by(asked, DEVICES).items()} == {"one": 2}
    assert made_for(asked, DEVICES)[f"bare{PER_CLASS}"] == 1


def test_what_serves_a_resource_adds_what_the_pod_does_not() -> None:
    containers = (ContainerRequest(False, (("example.com/gpu", 3, 0),)),)
    asked = AskedPod(request=(("example.com/gpu", 3),), containers=containers)
    adds = serving_claim(asked, DEVICES, ["example.com/gpu"])
    assert adds == {COUNT: 1, f"new{PER_CLASS}": 3, f"{IMPLICIT}new": 3, GPU: 0}
    assert serving_claim(asked, DEVICES, []) == {}
