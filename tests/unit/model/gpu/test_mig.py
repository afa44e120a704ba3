"""MIG devices are counted as whole devices, on the places that a product has for them."""

from collections.abc import Iterator
from functools import cache
from itertools import product as combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.model.gpu.mig import PRODUCTS, MigProfile, fewest_gpus
from lens.model.inventory.occupancy import NodeOccupancy
from tests.unit.model.manifests import GPU, node, snapshot_of

GPUS = 8


def eighths(*gigabytes: int) -> tuple[str, ...]:
    """Return the layouts of gpu-operator's default-mig-parted-config for a product of eight slices."""
    one, two, four, all_ = gigabytes
    return (
        f"1g.{one}gb 7",
        f"1g.{one}gb.me 1",
        f"1g.{two}gb 4",
        f"2g.{two}gb 3",
        f"3g.{four}gb 2",
        f"4g.{four}gb 1",
        f"7g.{all_}gb 1",
        f"1g.{one}gb 2, 2g.{two}gb 1, 3g.{four}gb 1",
    )


LAYOUTS = {
    "NVIDIA-A100-SXM4-40GB": eighths(5, 10, 20, 40),
    "NVIDIA-A100-SXM4-80GB": eighths(10, 20, 40, 80),
    "NVIDIA-H100-80GB-HBM3": eighths(10, 20, 40, 80),
    "NVIDIA-H100-PCIe": eighths(10, 20, 40, 80),
    "NVIDIA-H100-NVL": eighths(12, 24, 47, 94),
    "NVIDIA-GH200-480GB": eighths(12, 24, 48, 96),
    "NVIDIA-H200": eighths(18, 35, 71, 141),
    "NVIDIA-GH200-144G-HBM3e": eighths(18, 36, 72, 144),
    "NVIDIA-B200": eighths(23, 45, 90, 180),
    "NVIDIA-GB200": eighths(24, 47, 95, 189),
    "NVIDIA-B300-SXM6-AC": eighths(34, 67, 135, 269),
    "NVIDIA-GB300": eighths(35, 70, 139, 278),
    "NVIDIA-A30": (
        *("1g.6gb 4", "1g.6gb.me 1", "2g.12gb 2", "2g.12gb.me 1", "4g.24gb 1"),
        "1g.6gb 2, 2g.12gb 1",
    ),
    "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition": (
        *("1g.24gb 4", "1g.24gb.gfx 4", "1g.24gb.me 1", "1g.24gb.me.all 1", "1g.24gb-me 4"),
        *("2g.48gb 2", "2g.48gb.gfx 2", "2g.48gb.me.all 1", "2g.48gb-me 2", "4g.96gb 1", "4g.96gb.gfx 1"),
        "1g.24gb 2, 2g.48gb 1",
    ),
    "NVIDIA-RTX-PRO-4500-Blackwell": ("1g.16gb 2", "2g.32gb 1"),
    "NVIDIA-RTX-PRO-5000-Blackwell": ("1g.24gb 2", "2g.48gb 1"),
}

of_each_layout = pytest.mark.parametrize(
    ("product", "layout"), [(product, layout) for product, layouts in LAYOUTS.items() for layout in layouts]
)


def devices(layout: str) -> dict[str, int]:
    """Return how many devices of each profile eight GPUs of a layout have."""
    words = (part.split() for part in layout.split(", "))
    return {profile: GPUS * int(number) for profile, number in words}


def mixed(layout: str, labels: dict[str, str]) -> NodeOccupancy:
    """Return a node of eight GPUs that are cut up so, under the strategy mixed."""
    offered = {f"nvidia.com/mig-{profile}": str(number) for profile, number in devices(layout).items()}
    strategy = {"nvidia.com/mig.strategy": "mixed"}
    return snapshot_of(node(capacity=offered, allocatable=offered, labels=strategy | labels)).nodes["node-1"]


@of_each_layout
def test_every_standard_layout_on_eight_gpus_is_eight_gpus_by_the_product(product: str, layout: str) -> None:
    occupied = mixed(layout, {"nvidia.com/gpu.product": product})
    assert occupied.states.total == occupied.states.available == GPUS
    first = next(iter(devices(layout)))
    named = {f"nvidia.com/mig-{first}.product": f"{product}-MIG-{first}"}
    assert mixed(layout, named).states.total == GPUS


@of_each_layout
def test_every_standard_layout_on_eight_gpus_is_eight_gpus_by_the_count(product: str, layout: str) -> None:
    for labels in ({}, {"nvidia.com/gpu.product": product}, {"nvidia.com/gpu.product": "NVIDIA-L4"}):
        occupied = mixed(layout, labels | {"nvidia.com/gpu.count": str(GPUS)})
        assert (occupied.states.total, occupied.approximate) == (GPUS, False)


@of_each_layout
def test_without_labels_the_number_is_no_higher_and_says_that_it_may_be(product: str, layout: str) -> None:
    occupied = mixed(layout, {})
    assert 0 < occupied.states.total <= GPUS
    assert occupied.approximate or occupied.states.total == sum(devices(layout).values()) == GPUS


@of_each_layout
def test_every_uniform_layout_under_single_is_eight_gpus_by_the_product(product: str, layout: str) -> None:
    profiles = devices(layout)
    if len(profiles) > 1:
        return  # then "single" offers none of them
    ((profile, number),) = profiles.items()
    labels = {
        "nvidia.com/mig.strategy": "single",
        "nvidia.com/gpu.product": f"{product}-MIG-{profile}",
        "nvidia.com/gpu.count": str(number),
        "nvidia.com/gpu.memory": "4864",
    }
    offered = {GPU: str(number)}
    occupied = snapshot_of(node(capacity=offered, allocatable=offered, labels=labels)).nodes["node-1"]
    assert occupied.states.total == GPUS


@pytest.mark.parametrize(
    ("labels", "gpus"),
    [
        ({"nvidia.com/gpu.product": "NVIDIA-GB300"}, 8),
        ({"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB"}, 8),  # no A100 has it
        ({"nvidia.com/gpu.product": "NVIDIA-R900", "nvidia.com/gpu.memory": "286720"}, 8),
        ({"nvidia.com/gpu.product": "NVIDIA-H200"}, 14),
        ({"nvidia.com/gpu.product": "NVIDIA-R900", "nvidia.com/gpu.memory": "143360"}, 14),
        ({"nvidia.com/gpu.memory": "143360"}, 14),
        ({"cloud.google.com/gke-accelerator": "nvidia-h200-141gb"}, 14),
        ({}, 8),
    ],
)
def test_a_profiles_name_means_what_it_does_on_the_product(labels: dict[str, str], gpus: int) -> None:
    assert mixed("1g.35gb 7", labels).states.total == gpus


def test_gkes_a100_has_40_gigabytes() -> None:
    labels = {
        "cloud.google.com/gke-accelerator": "nvidia-tesla-a100",
        "cloud.google.com/gke-gpu-partition-size": "1g.10gb",
    }
    for accelerator, gpus in (("nvidia-tesla-a100", 7), ("nvidia-a100-80gb", 4)):
        own = labels | {"cloud.google.com/gke-accelerator": accelerator}
        offered = {GPU: "28"}
        assert snapshot_of(node(capacity=offered, allocatable=offered, labels=own)).states.total == gpus


def test_a_driver_that_tells_of_less_memory_changes_no_layout() -> None:
    for layout in ("1g.31gb 7", "3g.126gb 2", "3g.126gb 1, 1g.31gb 4"):
        assert mixed(layout, {"nvidia.com/gpu.product": "NVIDIA-GB300"}).states.total == GPUS


@pytest.mark.parametrize(
    ("instances", "gpus"),
    [
        ({"1c.3g.20gb": 6}, 1),
        ({"1c.3g.20gb": 7}, 2),
        ({"2c.3g.20gb": 3}, 2),
        ({"1c.3g.20gb": 2, "2c.3g.20gb": 2}, 1),
        ({"1c.4g.20gb": 4, "1g.5gb": 3}, 1),
        ({"7c.7g.40gb": 2}, 2),
    ],
)
def test_compute_instances_share_their_gpu_instance(instances: dict[str, int], gpus: int) -> None:
    offered = {f"nvidia.com/mig-{profile}": str(number) for profile, number in instances.items()}
    assert snapshot_of(node(capacity=offered, allocatable=offered)).states.total == gpus


# The places as nvidia-smi mig -lgipp prints them: a size in memory slices, and where it may begin.
PLACES = {
    "1g.10gb": (1, range(7)),
    "1g.20gb": (2, (0, 2, 4, 6)),
    "2g.20gb": (2, (0, 2, 4)),
    "3g.40gb": (4, (0, 4)),
    "4g.40gb": (4, (0,)),
    "7g.80gb": (8, (0,)),
}
Counts = tuple[int, ...]


def layouts(taken: int = 0, profiles: tuple[str, ...] = tuple(PLACES)) -> Iterator[Counts]:
    """Go through all that one GPU can hold beside what is taken, as numbers of devices by profile."""
    if not profiles:
        yield ()
        return
    size, starts = PLACES[profiles[0]]
    spans = [((1 << size) - 1) << start for start in starts]
    for chosen in combinations((False, True), repeat=len(spans)):
        mine = [span for span, is_chosen in zip(spans, chosen, strict=True) if is_chosen]
        if sum(mine) & taken == 0 and sum(mine).bit_count() == size * len(mine):
            for rest in layouts(taken | sum(mine), profiles[1:]):
                yield (len(mine), *rest)


@cache
def fullest() -> tuple[Counts, ...]:
    """Return what one GPU can hold, without what leaves a place free."""
    found = set(layouts())
    return tuple(
        each
        for each in found
        if not any(other != each and all(a <= b for a, b in zip(each, other, strict=True)) for other in found)
    )


@cache
def tried(counts: Counts) -> int:
    """Return how few GPUs hold the devices, by trying every layout on every GPU."""
    if not any(counts):
        return 0
    rests = (
        tuple(max(0, count - held) for count, held in zip(counts, layout, strict=True))
        for layout in fullest()
    )
    return 1 + min(tried(rest) for rest in rests if rest != counts)


@given(st.tuples(*(st.integers(0, most) for most in (9, 5, 4, 4, 3, 2))))
def test_the_fewest_gpus_are_what_trying_every_placement_finds(counts: Counts) -> None:
    (h100,) = (each for each in PRODUCTS if each.gigabytes == 80)
    profiles = [MigProfile.parse(name) for name in PLACES]
    held = [(profile, count) for profile, count in zip(profiles, counts, strict=True) if profile is not None]
    assert fewest_gpus(held, [h100]) == tried(counts)
