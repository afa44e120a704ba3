"""What admission adds to a pod."""

import json
from typing import Any

import pytest

from lens.model.fit.admission.mutation import admit
from lens.model.fit.admission.policies import Limits, Policies, namespace_decoder
from lens.model.inventory.objects.pod import PodKey

NO_LIMITS = Policies(limit_ranges={}, priority_classes={}, runtime_classes={})


def limits(**of_containers: Any) -> Policies:
    ranges = {"default": {}, "default_request": {}, "min": {}, "max": {}} | of_containers
    return Policies(
        limit_ranges={PodKey("ns", "l"): (Limits(type="Container", **ranges),)},
        priority_classes={},
        runtime_classes={},
    )


def pod(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **whole: Any) -> dict[str, Any]:
    return {
        "spec": {
            "containers": [
                {"name": f"c{number}", "resources": each} for number, each in enumerate(containers)
            ],
            "initContainers": list(init),
            "resources": whole,
        }
    }


@pytest.mark.parametrize(
    ("asked", "policies", "requests", "limited"),
    [
        # What no container asks for is asked for up to the limit.
        (pod({}, limits={"cpu": "64"}), NO_LIMITS, {"cpu": "64"}, {"cpu": "64"}),
        (pod({}, limits={"cpu": "4"}, requests={"cpu": "2"}), NO_LIMITS, {"cpu": "2"}, {"cpu": "4"}),
        # What containers ask for goes before it, and so do a LimitRange's defaults.
        (
            pod({"requests": {"cpu": "1500m"}}, {"requests": {"cpu": 1}}, limits={"cpu": "64"}),
            NO_LIMITS,
            {"cpu": "2500000000n"},
            {"cpu": "64"},
        ),
        (pod({}, limits={"cpu": "64"}), limits(default_request={"cpu": "1"}), {"cpu": "1"}, {"cpu": "64"}),
        # Requests alone are completed, too.
        (
            pod({"requests": {"memory": "2"}}, requests={"cpu": "1"}),
            NO_LIMITS,
            {"cpu": "1", "memory": "2"},
            {},
        ),
        # Sidecars are in the sum, and initialization may need more than it.
        (
            pod(
                {"requests": {"cpu": 1}},
                init=(
                    {"restartPolicy": "Always", "resources": {"requests": {"cpu": 2}}},
                    {"resources": {"requests": {"cpu": 5}}},
                ),
                limits={"memory": "1"},
            ),
            NO_LIMITS,
            {"cpu": "7", "memory": "1"},
            {"memory": "1"},
        ),
        # Where all containers have a limit, so has the pod, and none below its request.
        (pod({"limits": {"cpu": 1}}, requests={"cpu": 3}), NO_LIMITS, {"cpu": 3}, {"cpu": "3"}),
        (pod({"limits": {"cpu": 1}}, {}, requests={"cpu": 3}), NO_LIMITS, {"cpu": 3}, {}),
        # Huge pages are never asked for without a limit.
        (
            pod({"limits": {"hugepages-2Mi": "4Mi", "cpu": 1}}, limits={"cpu": 2}),
            NO_LIMITS,
            {"cpu": "1", "hugepages-2Mi": "4194304"},
            {"cpu": 2, "hugepages-2Mi": "4194304"},
        ),
        # GPUs are no pod's as a whole; without anything pod-level there is nothing to complete.
        (
            pod({"limits": {"nvidia.com/gpu": 2}}, limits={"cpu": 2}),
            NO_LIMITS,
            {"cpu": 2},
            {"cpu": 2},
        ),
    ],
)
def test_a_pod_asks_as_a_whole_for_what_an_apiserver_makes_of_it(
    asked: dict[str, Any], policies: Policies, requests: dict[str, Any], limited: dict[str, Any]
) -> None:
    found = admit(asked, "ns", policies)
    assert found.refusal is None
    assert found.pod["spec"]["resources"] == {"requests": requests, "limits": limited}


def test_a_pod_that_asks_for_nothing_as_a_whole_stays_so() -> None:
    assert admit(pod({"limits": {"cpu": 1}}), "ns", NO_LIMITS).pod["spec"]["resources"] == {}


@pytest.mark.parametrize(
    ("asked", "policies", "refusal"),
    [
        (
            pod({"requests": {"cpu": 4}}),
            limits(default={"cpu": "1"}),
            "spec.containers[0].resources.requests: cpu is over its limit",
        ),
        (
            pod({}),
            limits(default={"memory": "1"}, default_request={"memory": "2"}),
            "spec.containers[0].resources.requests: memory is over its limit",
        ),
        (
            pod({"limits": {"cpu": 1}}, init=({"resources": {"requests": {"cpu": 2}}},)),
            limits(default={"cpu": "1"}),
            "spec.initContainers[0].resources.requests: cpu is over its limit",
        ),
        (
            pod({}),
            limits(default_request={"nvidia.com/gpu": "1"}),
            "spec.containers[0].resources.limits: nvidia.com/gpu is required, "
            "since it can't be overcommitted",
        ),
        (
            pod({"limits": {"nvidia.com/gpu": 2}}),
            limits(default_request={"nvidia.com/gpu": "1"}, default={"nvidia.com/gpu": "1"}),
            None,
        ),
        (pod({"requests": {"cpu": 1}}), limits(default={"cpu": "1"}), None),
    ],
)
def test_what_no_longer_is_valid_with_a_limit_ranges_defaults_is_refused(
    asked: dict[str, Any], policies: Policies, refusal: str | None
) -> None:
    wanted = refusal and f"invalid with what admission adds: {refusal}"
    assert admit(asked, "ns", policies).refusal == wanted


@pytest.mark.parametrize(
    ("resources", "whole", "refused"),
    [
        ({"limits": {"hugepages-2Mi": "4Mi"}}, {}, "spec.containers[0].resources: hugepages are for who"),
        ({"limits": {"hugepages-2Mi": "4Mi", "memory": "1"}}, {}, None),
        ({}, {"limits": {"hugepages-2Mi": "4Mi"}}, "spec.resources: hugepages are for who asks for cpu"),
        # The limit of the whole pod follows where all containers have one.
        (
            {"limits": {"hugepages-2Mi": "2Mi", "cpu": "1"}},
            {"requests": {"hugepages-2Mi": "4Mi", "cpu": "1"}},
            None,
        ),
        (
            {"limits": {"cpu": "1"}},
            {"requests": {"hugepages-2Mi": "4Mi", "cpu": "1"}},
            "spec.resources.limits: hugepages-2Mi is required",
        ),
    ],
)
def test_hugepages_need_cpu_or_memory_which_a_limit_range_may_add(
    resources: dict[str, Any], whole: dict[str, Any], refused: str | None
) -> None:
    refusal = admit(pod(resources, **whole), "ns", NO_LIMITS).refusal
    assert (refusal or "").startswith(f"invalid with what admission adds: {refused}" if refused else "")
    assert (refusal is None) is (refused is None)
    assert admit(pod(resources, **whole), "ns", limits(default={"memory": "1"})).refusal is None or whole


@pytest.mark.parametrize(
    ("annotation", "own", "selected"),
    [
        ("zone=a, pool=gpus", {}, {"zone": "a", "pool": "gpus"}),
        ("zone=a", {"zone": "a", "disk": "ssd"}, {"zone": "a", "disk": "ssd"}),
        ("zone=a", {"zone": "b"}, None),
        ("", {"zone": "b"}, {"zone": "b"}),
        ("a in (b)", {}, {}),
    ],
)
def test_pods_of_an_openshift_project_get_its_node_selector(
    annotation: str, own: dict[str, str], selected: dict[str, str] | None
) -> None:
    meta = {"name": "ns", "resourceVersion": "1", "annotations": {"openshift.io/node-selector": annotation}}
    project = namespace_decoder().read(json.dumps({"metadata": meta}).encode()).value
    assert project is not None
    policies = Policies(
        limit_ranges={}, priority_classes={}, runtime_classes={}, node_selectors={"ns": project.node_selector}
    )
    template = pod({})
    template["spec"]["nodeSelector"] = own
    admitted = admit(template, "ns", policies)
    assert (admitted.refusal is None) == (selected is not None)
    assert admitted.pod["spec"]["nodeSelector"] == (own if selected is None else selected)
