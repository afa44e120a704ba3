"""What a pod says of its devices adds to what is known; what is odd costs no pod and no other device."""

import json
from typing import Any

import pytest

from lens.model.inventory.decoding.kinds import pod_decoder
from lens.model.inventory.objects.pod import Pod
from lens.model.k8s.dra.allocated_devices import Device
from lens.model.k8s.gpu_resources import GpuResources
from tests.unit.model.manifests import GPU, container, pod, read_pod, viewed_pod


def devices_of(allocated: Any, **status: Any) -> tuple[Device, ...]:
    raw = pod(
        container("main", 2),
        status={"containerStatuses": [{"name": "main", "allocatedResourcesStatus": allocated}]} | status,
    )
    return viewed_pod(raw).devices


def named(*resources: object, name: object = GPU) -> Any:
    return [{"name": name, "resources": list(resources)}]


GOOD = {"resourceID": "GPU-a", "health": "Healthy"}
READ = Device(GPU, "GPU-a", "main", "Healthy")


@pytest.mark.parametrize(
    ("health", "read"),
    [
        ("Healthy", "Healthy"),
        ("Unhealthy", "Unhealthy"),
        ("Unknown", "Unknown"),
        ("PermanentlyUnhealthy", "Unknown"),
    ],
)
def test_a_device_has_the_health_that_its_plugin_gives_it(health: str, read: str) -> None:
    (device,) = devices_of(named({"resourceID": "GPU-a::3", "health": health, "message": "hot"}))
    assert (device.id, device.health) == ("GPU-a::3", read)


def test_health_may_be_missing() -> None:
    assert devices_of(named({"resourceID": "GPU-a"})) == (Device(GPU, "GPU-a", "main", "Unknown"),)


@pytest.mark.parametrize(
    "odd", [None, 7, "GPU-b", [], {}, {"resourceID": 7}, {"resourceID": "b", "health": 3}]
)
def test_an_odd_device_costs_itself_alone(odd: object) -> None:
    assert devices_of(named(odd, GOOD)) == (READ,)


@pytest.mark.parametrize(
    "odd",
    [None, 7, "x", [], {}, {"name": 3}, {"name": GPU, "resources": {}}, {"name": GPU, "resources": None}],
)
def test_an_odd_resource_costs_itself_alone(odd: object) -> None:
    assert devices_of([odd, *named(GOOD)]) == (READ,)


@pytest.mark.parametrize("odd", [None, 7, "x", {}, [[]], True])
def test_an_odd_status_costs_no_pod(odd: object) -> None:
    assert devices_of(odd) == ()


def test_nesting_beyond_all_measure_costs_no_pod() -> None:
    raw = json.dumps(pod(container("main", 2), status={"containerStatuses": [{"name": "main"}]}))
    deep = '"allocatedResourcesStatus": ' + "[" * 3000 + "]" * 3000 + ', "name": "main"'
    assert viewed_pod(json.loads(raw)).units == ((GPU, 2),)
    reading = pod_decoder(GpuResources()).read(raw.replace('"name": "main"}]', deep + "}]", 1).encode())
    assert isinstance(reading.value, Pod)
    assert reading.value.units == ((GPU, 2),)


def test_devices_of_claims_and_of_what_is_no_gpu_are_not_the_plugins() -> None:
    assert devices_of([*named(GOOD, name="claim:gpu/main"), *named(GOOD, name="example.com/fpga")]) == ()


def test_sidecars_count_if_the_kubelet_lists_them() -> None:
    sidecar = {"name": "side", "allocatedResourcesStatus": named({"resourceID": "GPU-b"})}
    assert [each.container for each in devices_of(named(GOOD), initContainerStatuses=[sidecar])] == [
        "main",
        "side",
    ]


def test_a_change_of_health_is_a_change() -> None:
    sick = pod(
        container("main", 2),
        status={
            "containerStatuses": [
                {"name": "main", "allocatedResourcesStatus": named(GOOD | {"health": "Unhealthy"})}
            ]
        },
    )
    assert read_pod(sick).value != read_pod(pod(container("main", 2))).value
