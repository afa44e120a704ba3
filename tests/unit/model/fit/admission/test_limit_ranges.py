"""Which pods a LimitRange refuses."""

import json
from typing import Any

import pytest

from lens.model.fit.admission.mutation import admit
from lens.model.fit.admission.policies import Policies, RuntimeClass, limit_range_decoder

GPU = "nvidia.com/gpu"


def refusal(kind: str, spec: dict[str, Any], **bounds: Any) -> str | None:
    """Return why a LimitRange of one item refuses a pod; nothing else of it may be unchecked."""
    meta = {"name": "l", "namespace": "ns", "resourceVersion": "1"}
    limits = {"metadata": meta, "spec": {"limits": [{"type": kind, **bounds}]}}
    reading = limit_range_decoder().read(json.dumps(limits).encode())
    assert reading.value is not None
    admitted = admit(
        {"spec": spec},
        "ns",
        Policies(
            limit_ranges={reading.key: reading.value},
            priority_classes={},
            runtime_classes={"kata": RuntimeClass({"cpu": "2"}, {}, ())},
        ),
    )
    assert admitted.not_checked == ()
    return admitted.refusal


def gpus(number: int, **more: Any) -> dict[str, Any]:
    return {"name": f"c{number}", "resources": {"limits": {GPU: number}}, **more}


def cpus(limit: str | None = None, request: str | None = None) -> dict[str, Any]:
    sides = {"limits": limit, "requests": request}
    return {"name": "c", "resources": {side: {"cpu": each} for side, each in sides.items() if each}}


FOUR = {"max": {GPU: "4"}}
FIVE = "maximum nvidia.com/gpu usage per Pod is 4, but limit is 5"
SIDECAR = {"restartPolicy": "Always"}


@pytest.mark.parametrize(
    ("containers", "init", "refused"),
    [
        ([gpus(4)], [], None),
        ([gpus(3), gpus(2)], [], FIVE),
        ([gpus(3)], [gpus(4)], None),
        ([gpus(3)], [gpus(2, **SIDECAR)], FIVE),
        ([gpus(1)], [gpus(2, **SIDECAR), gpus(3)], FIVE),
        ([cpus("1")], [], "maximum nvidia.com/gpu usage per Pod is 4.  No limit is specified"),
    ],
)
def test_a_pod_has_no_more_than_its_containers_may_have_together(
    containers: list[Any], init: list[Any], refused: str | None
) -> None:
    assert refusal("Pod", {"containers": containers, "initContainers": init}, **FOUR) == refused
    # Each container by itself is within the bound.
    whole = {"containers": [each for each in containers if GPU in each["resources"]["limits"]] or [gpus(4)]}
    assert refusal("Container", whole, **FOUR) is None


def test_what_a_pod_says_as_a_whole_goes_before_its_containers_and_overhead_is_not_counted() -> None:
    pod: dict[str, Any] = {"containers": [cpus(), cpus("1")], "resources": {"limits": {"cpu": "3"}}}
    assert refusal("Pod", pod, max={"cpu": "3"}) is None
    assert refusal("Pod", pod, max={"cpu": "2500m"}) == ("maximum cpu usage per Pod is 2500m, but limit is 3")
    assert refusal("Pod", {"containers": [cpus("3")], "runtimeClassName": "kata"}, max={"cpu": "3"}) is None


@pytest.mark.parametrize(
    ("container", "bounds", "refused"),
    [
        (cpus("500m"), {"min": {"cpu": "1"}}, "minimum cpu usage per {} is 1, but request is 500m"),
        (cpus(), {"min": {"cpu": "1"}}, "minimum cpu usage per {} is 1.  No request is specified"),
        (cpus("2", "1"), {"maxLimitRequestRatio": {"cpu": "2"}}, None),
        (
            cpus("3", "1"),
            {"maxLimitRequestRatio": {"cpu": "2500m"}},
            "cpu max limit to request ratio per {} is 2500m, but provided ratio is 3.000000",
        ),
        (
            cpus(None, "1"),
            {"maxLimitRequestRatio": {"cpu": "2"}},
            "cpu max limit to request ratio per {} is 2, but no limit is specified or limit is 0",
        ),
        (
            cpus(),
            {"maxLimitRequestRatio": {"cpu": "2"}},
            "cpu max limit to request ratio per {} is 2, but no request is specified or request is 0",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["Container", "Pod"])
def test_bounds_are_on_requests_and_limits(
    kind: str, container: dict[str, Any], bounds: dict[str, Any], refused: str | None
) -> None:
    found = refusal(kind, {"containers": [container]}, **bounds)
    assert found == (refused and refused.format(kind))
