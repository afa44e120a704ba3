"""A device that is held is found on its GPU, whichever plugin named it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.model.gpu.device_ids import DeviceId, find, gpu_uuid, is_replica, parse, pci_bus_id, replicas
from tests.unit.agent.gpus import MIG, OTHER, UUID, gpu, instance

UUIDS = st.uuids().map(str)
NUMBERS = st.integers(0, 10**6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (UUID, DeviceId(gpu_uuid=UUID)),
        (f"{UUID}::0", DeviceId(gpu_uuid=UUID, replica=0)),
        (f"{UUID}::17", DeviceId(gpu_uuid=UUID, replica=17)),
        (MIG, DeviceId(instance_uuid=MIG)),
        (f"{MIG}::2", DeviceId(instance_uuid=MIG, replica=2)),
        (f"MIG-{UUID}/7/0", DeviceId(gpu_uuid=UUID, gpu_instance_id=7, compute_instance_id=0)),
        # HAMi's scheduler chooses the GPU, whichever unit the kubelet has taken.
        (f"{UUID}-9", DeviceId(replica=9)),
        ("nvidia3", DeviceId(minor_number=3)),
        ("nvidia0/vgpu2", DeviceId(minor_number=0, replica=2)),
        ("nvidia0/gi1", DeviceId(minor_number=0, gpu_instance_id=1)),
        ("nvidia0/gi1/vgpu2", DeviceId(minor_number=0, gpu_instance_id=1, replica=2)),
        ("0000:c1:00.0", DeviceId(pci_bus_id="0000:c1:00.0")),
        ("00000000:C1:00.0", DeviceId(pci_bus_id="0000:c1:00.0")),
        ("card0-0", DeviceId()),
        ("nvidia0/gi1/vgpu2/x", DeviceId()),
        ("", DeviceId()),
    ],
)
def test_every_plugins_form_is_understood(text: str, says: DeviceId) -> None:
    assert parse(text) == says
    assert gpu_uuid(text) == says.gpu_uuid
    assert is_replica(text) == (says.replica is not None and not text.startswith("nvidia"))


@pytest.mark.parametrize(
    ("ids", "times"),
    [
        ([], 1),
        ([UUID, OTHER], 1),
        ([f"{UUID}::0", f"{UUID}::1", f"{OTHER}::0", f"{OTHER}::1"], 2),
        ([f"{MIG}::0", f"{MIG}::1", f"{MIG}::2"], 3),
        ([f"{UUID}-0", f"{UUID}-1", f"{OTHER}-0", f"{OTHER}-1"], 2),
        # Not all are offered equally often, or one more is to be told.
        ([f"{UUID}::0", f"{UUID}::1", f"{OTHER}::0"], 1),
        ([f"{UUID}::0", f"{UUID}::1", OTHER], 1),
    ],
)
def test_the_ids_of_a_resource_say_how_often_each_device_is_offered(ids: list[str], times: int) -> None:
    assert replicas(ids) == times


@given(st.text())
def test_no_id_that_a_plugin_makes_up_breaks_the_answer(text: str) -> None:
    assert isinstance(parse(text), DeviceId)


@given(UUIDS, NUMBERS, NUMBERS, NUMBERS)
def test_what_an_id_is_made_of_is_what_is_read(
    uuid: str, minor: int, gpu_instance: int, replica: int
) -> None:
    assert parse(f"GPU-{uuid}::{replica}") == DeviceId(gpu_uuid=f"GPU-{uuid}", replica=replica)
    assert parse(f"MIG-{uuid}::{replica}") == DeviceId(instance_uuid=f"MIG-{uuid}", replica=replica)
    assert parse(f"nvidia{minor}/gi{gpu_instance}/vgpu{replica}") == DeviceId(
        minor_number=minor, gpu_instance_id=gpu_instance, replica=replica
    )


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFF), st.integers(0, 0x1F), st.integers(0, 7))
def test_a_bus_id_is_the_same_as_nvml_and_as_the_kernel_write_it(
    domain: int, bus: int, device: int, function: int
) -> None:
    kernel = f"{domain:04x}:{bus:02x}:{device:02x}.{function}"
    assert pci_bus_id(f"{domain:08X}:{bus:02X}:{device:02X}.{function}") == kernel
    assert parse(kernel) == DeviceId(pci_bus_id=kernel)


WHOLE = gpu(index=0, uuid=UUID, minor_number=3, pci_bus_id="00000000:C1:00.0")
SPLIT = gpu(
    index=1,
    uuid=OTHER,
    minor_number=0,
    pci_bus_id="00000000:C2:00.0",
    instances=(
        instance(),
        instance(uuid="MIG-b", gpu_instance_id=1),
        instance(uuid="MIG-c", compute_instance_id=1),
    ),
)


@pytest.mark.parametrize(
    ("text", "gpu_uuid", "instance_uuid"),
    [
        (f"{UUID}::4", UUID, None),
        ("nvidia3", UUID, None),
        ("0000:c1:00.0", UUID, None),
        (MIG, OTHER, MIG),
        ("nvidia0/gi1/vgpu2", OTHER, "MIG-b"),
        (f"MIG-{OTHER}/7/1", OTHER, "MIG-c"),
        (f"MIG-{OTHER}/7/0", OTHER, MIG),
        ("nvidia0/gi5", OTHER, None),
        ("GPU-of-nobody", None, None),
        ("nvidia9", None, None),
    ],
)
def test_a_held_device_is_found_on_its_gpu(
    text: str, gpu_uuid: str | None, instance_uuid: str | None
) -> None:
    found, part = find(parse(text), (WHOLE, SPLIT))
    assert (found and found.uuid, part and part.uuid) == (gpu_uuid, instance_uuid)


def test_a_gpu_whose_identity_is_unknown_is_nobodys() -> None:
    nameless = gpu(uuid=None, minor_number=None, pci_bus_id=None, instances=None)
    for text in (UUID, "nvidia0", "0000:c1:00.0", "card0"):
        assert find(parse(text), (nameless,)) == (None, None)
