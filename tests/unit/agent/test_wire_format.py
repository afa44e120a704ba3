"""What a kubelet writes is what is read, and nothing that it could write breaks the agent."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.agent.podresources import wire_format
from lens.agent.podresources.wire_format import ClaimResource
from lens.model.gpu.node_report import MAX_TEXT
from tests.memory import Peak
from tests.pace import slowdown

LIST = bytes.fromhex(
    "0a7b0a07747261696e2d3012076d6c2d7465616d1a5a0a046d61696e12240a0e6e76696469612e636f6d2f6770751205475055"
    "2d6112054750552d621a040a02080112170a0f6578616d706c652e636f6d2f6e696312046e6963301a020405220f0a066d656d"
    "6f7279108080808080201a050a036c6f6722040102ac020a150a03776562120764656661756c741a050a037765620ab1010a06"
    "636c61696d7312036472611aa1010a01632a9b0112096770752d636c61696d1a0364726122420a210a1f6b38732e6770752e6e"
    "76696469612e636f6d2f6465766963653d6770752d33120e6770752e6e76696469612e636f6d1a066e6f64652d312205677075"
    "2d332245120e6770752e6e76696469612e636f6d1a066e6f64652d3122056770752d342a2438663064316634652d336331632d"
    "346438662d396435352d306134633761306236633131"
)
"""A ListPodResourcesResponse as k8s.io/kubelet v0.37.2 marshals it: three pods, and CPUs, memory, NUMA."""

ALLOCATABLE = bytes.fromhex(
    "0a1b0a0e6e76696469612e636f6d2f67707512054750552d611a020a000a1d0a0e6e76696469612e636f6d2f67707512054750"
    "552d621a040a0208010a170a0f6578616d706c652e636f6d2f6e696312046e69633012020001"
)
"""An AllocatableResourcesResponse of the same: two GPUs on two NUMA nodes, a network card, two CPUs."""


def test_a_real_kubelets_list_is_read() -> None:
    train, web, claims = wire_format.decode_list(LIST)
    assert (train.namespace, train.name) == ("ml-team", "train-0")
    main, log = train.containers
    assert (main.name, log.name) == ("main", "log")
    assert [(each.resource_name, each.device_ids) for each in main.devices] == [
        ("nvidia.com/gpu", ["GPU-a", "GPU-b"]),
        ("example.com/nic", ["nic0"]),
    ]
    assert log.devices == []
    assert [each.devices for each in web.containers] == [[]]
    [dynamic] = claims.containers[0].dynamic_resources
    assert (dynamic.claim_namespace, dynamic.claim_name) == ("dra", "gpu-claim")
    assert dynamic.claim_resources == [
        ClaimResource("gpu.nvidia.com", "node-1", "gpu-3"),
        ClaimResource("gpu.nvidia.com", "node-1", "gpu-4", "8f0d1f4e-3c1c-4d8f-9d55-0a4c7a0b6c11"),
    ]


def test_a_real_kubelets_allocatable_devices_are_read() -> None:
    assert wire_format.decode_allocatable(ALLOCATABLE) == [
        wire_format.ContainerDevices("nvidia.com/gpu", ["GPU-a"]),
        wire_format.ContainerDevices("nvidia.com/gpu", ["GPU-b"]),
        wire_format.ContainerDevices("example.com/nic", ["nic0"]),
    ]


@given(st.binary())
def test_bytes_that_are_no_answer_are_refused_and_nothing_worse(message: bytes) -> None:
    for read in (wire_format.decode_list, wire_format.decode_allocatable):
        with contextlib.suppress(ValueError):
            read(message)


@given(st.integers(0, len(LIST) - 1), st.integers(0, 255))
def test_a_damaged_answer_is_refused_or_read_and_nothing_worse(position: int, byte: int) -> None:
    damaged = LIST[:position] + bytes([byte]) + LIST[position + 1 :]
    with contextlib.suppress(ValueError):
        wire_format.decode_list(damaged)


@pytest.mark.parametrize(
    "message",
    [b"\n\0" * 2**20, b"\n\4\x1a\2\x12\0" * 2**19, b"\x78\0" * 2**18],
    ids=["pods", "containers", "numbers"],
)
def test_an_answer_of_more_fields_than_any_kubelets_costs_little_room_and_time(message: bytes) -> None:
    began, peak = time.process_time(), Peak()
    with pytest.raises(ValueError, match="more than"):
        wire_format.decode_list(message)
    assert time.process_time() - began < 3 * slowdown()
    assert peak.growth < 32 * 2**20


def test_a_name_of_a_megabyte_is_cut() -> None:
    name = b"x" * 2**20
    inner = b"\n\x80\x80\x40" + name
    (pod,) = wire_format.decode_list(b"\n\x84\x80\x40" + inner)
    assert len(pod.name) == MAX_TEXT


@given(st.integers(1, len(LIST) - 1))
def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one(length: int) -> None:
    with contextlib.suppress(ValueError):
        assert len(wire_format.decode_list(LIST[:length])) < 3
