"""The vendors' GPUs count, and nothing else does."""

import pytest

from lens.model.k8s.gpu_resources import GpuResources


@pytest.mark.parametrize(
    ("name", "is_gpu"),
    [
        ("nvidia.com/gpu", True),
        ("nvidia.com/gpu.shared", True),
        ("nvidia.com/mig-1g.10gb", True),
        ("nvidia.com/mig-3g.40gb.me", True),
        ("amd.com/gpu", True),
        ("amd.com/cpx_nps4", True),
        ("amd.com/dpx_nps2", True),
        ("amd.com/nic", False),
        ("gpu.intel.com/i915", True),
        ("gpu.intel.com/xe", True),
        ("habana.ai/gaudi", True),
        ("gpu.intel.com/i915_monitoring", False),
        ("gpu.intel.com/xe_monitoring", False),
        ("nvidia.com/gpumem", False),
        ("nvidia.com/gpu.count", False),
        ("NVIDIA.com/gpu", False),
        ("requests.nvidia.com/gpu", False),
        ("example.com/nvidia.com/gpu", False),
        ("cpu", False),
        ("memory", False),
        ("hugepages-2Mi", False),
        ("rdma/hca", False),
        ("", False),
    ],
)
def test_a_resource_is_a_gpu_by_its_name(name: str, is_gpu: bool) -> None:
    assert GpuResources().units({name: "1"}) == ({name: 1} if is_gpu else {})


def test_other_names_can_be_counted_and_some_of_them_left_out() -> None:
    gpus = GpuResources(["!example.com/gpu-test*", "example.com/gpu*"])
    quantities = {"example.com/gpu": "1", "example.com/gpu-a": "2", "example.com/gpu-test1": "4"}
    assert gpus.units(quantities | {"nvidia.com/gpu": "8"}) == {"example.com/gpu": 1, "example.com/gpu-a": 2}


def test_a_bad_quantity_is_named_with_its_resource() -> None:
    with pytest.raises(ValueError, match=r"amd\.com/gpu: 'x' is not a quantity"):
        GpuResources().units({"nvidia.com/gpu": "1", "amd.com/gpu": "x"})


def test_nothing_has_no_gpus() -> None:
    assert GpuResources().units(None) == {}
    assert GpuResources().units({}) == {}
