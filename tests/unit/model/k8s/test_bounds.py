"""No object costs more than a moment to read, nor more than a few kilobytes to keep, whatever is in it."""

import json
import time
from typing import Any

import msgspec
import pytest

from lens.model.k8s.bounds import LONGEST_NAME, MAX_DEVICES, MAX_FIT_RESOURCES, MAX_RESOURCES
from tests.pace import slowdown
from tests.unit.model.fit import fleets
from tests.unit.model.manifests import GPU, container, node, pod, read_node, read_pod

MANY = 20_000

Object = dict[str, Any]


def hostile(**spec: Any) -> Object:
    """Return a pod that waits for a GPU, with that in its spec."""
    obj = pod(container("main", "1"), node=None, phase="Pending")
    obj["spec"] |= spec
    return obj


LARGE_PODS = {
    "containers": lambda: hostile(containers=[container(f"c{each}", "1") for each in range(MANY)]),
    "init containers, each with a resource of its own": lambda: hostile(
        initContainers=[
            {
                "name": f"c{each}",
                "restartPolicy": "Always" if each % 2 else "",
                "resources": {"limits": {f"nvidia.com/mig-{each}": "1"}},
            }
            for each in range(MANY)
        ]
    ),
    "resources": lambda: hostile(
        containers=[
            {"name": "m", "resources": {"limits": {f"nvidia.com/mig-{each}": 1 for each in range(MANY)}}}
        ]
    ),
    "tolerations": lambda: hostile(tolerations=[{"key": f"k{each}"} for each in range(MANY)]),
    "a gate": lambda: hostile(schedulingGates=[{"name": "g" * 1_000_000}]),
    "a priority": lambda: hostile(priority=10**4000),
}


@pytest.mark.parametrize("what", LARGE_PODS)
def test_a_pod_of_a_megabyte_of_anything_is_read_at_once_and_kept_in_short(what: str) -> None:
    obj = LARGE_PODS[what]()
    began = time.process_time()
    reading = read_pod(obj)
    assert time.process_time() - began < 2 * slowdown()
    assert len(msgspec.json.encode(reading)) < 8192


@pytest.mark.parametrize("field", ["name", "namespace"])
def test_a_name_that_no_object_can_have_is_none(field: str) -> None:
    obj = hostile()
    obj["metadata"][field] = "x" * (LONGEST_NAME + 1)
    with pytest.raises(ValueError, match="characters"):
        read_pod(obj)


def test_a_pod_names_no_more_devices_than_are_kept() -> None:
    obj = pod(container("main", "1"))
    given = [{"resourceID": f"GPU-{each}"} for each in range(MANY)] + [{"resourceID": "x" * 1_000_000}]
    status = {"name": "main", "allocatedResourcesStatus": [{"name": GPU, "resources": given}]}
    obj["status"]["containerStatuses"] = [status]
    view = read_pod(obj).value
    assert view is not None
    assert len(view.devices) == MAX_DEVICES


def test_a_nodes_taints_are_few_and_those_that_keep_pods_away_are_among_them() -> None:
    obj = node(gpus="8")
    obj["spec"]["taints"] = [{"key": f"t{each}", "effect": "PreferNoSchedule"} for each in range(MANY)]
    obj["spec"]["taints"].append({"key": "last", "value": "x" * 1_000_000, "effect": "NoSchedule"})
    obj["metadata"]["labels"] = {"nvidia.com/gpu.product": "x" * 1_000_000}
    obj["status"]["images"] = [{"names": ["x" * 50], "sizeBytes": each} for each in range(MANY)]
    view = read_node(obj).value
    assert view is not None
    assert view.taints[0].key == "last"
    assert len(msgspec.json.encode(view)) < 8192


def test_a_pod_holds_its_gpus_whatever_else_it_asks_for_0_of() -> None:
    asked = {f"nvidia.com/mig-{each}": "0" for each in range(MAX_RESOURCES)} | {GPU: "8"}
    for requests in (asked, asked | {"nvidia.com/mig-more": "0"}):
        raw = pod({"name": "main", "resources": {"requests": requests, "limits": requests}})
        reading = read_pod(raw)
        assert (reading.problem, reading.value and reading.value.units) == (None, ((GPU, 8),))
        found = fleets.read_pod(raw)
        assert found is not None
        assert found.request == ((GPU, 8),)


def test_what_a_pod_asks_for_0_of_is_not_its_limit() -> None:
    asked = {f"example.com/{each}": "0" for each in range(MAX_FIT_RESOURCES)}
    limits = asked | {"memory": "64Gi"}
    found = fleets.read_pod(
        pod({"name": "main", "resources": {"requests": asked | {"memory": "0"}, "limits": limits}})
    )
    assert found is not None
    assert found.request == ()


def test_a_node_of_more_resources_than_there_are_is_left_out_by_name() -> None:
    many = {f"nvidia.com/mig-{each}": "1" for each in range(MAX_RESOURCES + 1)}
    reading = read_node(node(capacity=many, allocatable=many))
    assert reading.value is None
    assert reading.problem is not None
    assert len(json.dumps(reading.problem)) < 200
