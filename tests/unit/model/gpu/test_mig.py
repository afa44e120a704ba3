"""MIG devices are counted as whole devices, on the places that a product has for them."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product as combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lens.model.gpu.mig import PRODUCTS, MigProfile, fewest_gpus
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
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


def test_a_driver_with_less_memory_changes_no_layout() -> None:
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


# As nvidia-smi mig -lgipp and -lgip print them: a size in memory slices, where it may begin, decoders and OFA
# engines, of which a GPU has as many as its largest device.
Profile = tuple[int, tuple[int, ...], int, int]
Counts = tuple[int, ...]

H100: dict[str, Profile] = {
    "1g.10gb+me": (1, tuple(range(7)), 1, 1),
    "1g.10gb": (1, tuple(range(7)), 1, 0),
    "1g.20gb": (2, (0, 2, 4, 6), 1, 0),
    "2g.20gb": (2, (0, 2, 4), 2, 0),
    "3g.40gb": (4, (0, 4), 3, 0),
    "4g.40gb": (4, (0,), 4, 0),
    "7g.80gb": (8, (0,), 7, 1),
}
A30: dict[str, Profile] = {
    "1g.6gb": (1, (0, 1, 2, 3), 0, 0),
    "1g.6gb+me": (1, (0, 1, 2, 3), 1, 1),
    "2g.12gb": (2, (0, 2), 2, 0),
    "2g.12gb+me": (2, (0, 2), 2, 1),
    "4g.24gb": (4, (0,), 4, 1),
}
RTX_PRO_6000: dict[str, Profile] = {
    "1g.24gb": (1, (0, 1, 2, 3), 1, 0),
    "1g.24gb+me": (1, (0, 1, 2, 3), 1, 1),
    "1g.24gb+me.all": (1, (0, 1, 2, 3), 4, 1),
    "1g.24gb-me": (1, (0, 1, 2, 3), 0, 0),
    "2g.48gb+gfx": (2, (0, 2), 2, 0),
    "2g.48gb+me.all": (2, (0, 2), 4, 1),
    "2g.48gb-me": (2, (0, 2), 0, 0),
    "4g.96gb": (4, (0,), 4, 1),
}
TABLES = {"h100": (H100, 80), "a30": (A30, 24), "rtx-pro-6000": (RTX_PRO_6000, 96)}


def layouts(profiles: tuple[Profile, ...], decoders: int, ofa: int = 1, taken: int = 0) -> Iterator[Counts]:
    """Go through all that one GPU can hold beside what is taken, as numbers of devices by profile."""
    if not profiles:
        yield ()
        return
    size, starts, own_decoders, own_ofa = profiles[0]
    spans = [((1 << size) - 1) << start for start in starts]
    for chosen in combinations((False, True), repeat=len(spans)):
        mine = [span for span, is_chosen in zip(spans, chosen, strict=True) if is_chosen]
        rest_decoders, rest_ofa = decoders - own_decoders * len(mine), ofa - own_ofa * len(mine)
        if (
            sum(mine) & taken == 0
            and sum(mine).bit_count() == size * len(mine)
            and min(rest_decoders, rest_ofa) >= 0
        ):
            for rest in layouts(profiles[1:], rest_decoders, rest_ofa, taken | sum(mine)):
                yield (len(mine), *rest)


@cache
def fullest(product: str) -> tuple[Counts, ...]:
    """Return what one GPU can hold, without what leaves a place free."""
    profiles = tuple(TABLES[product][0].values())
    found = set(layouts(profiles, decoders=max(decoders for _, _, decoders, _ in profiles)))
    return tuple(
        each
        for each in found
        if not any(other != each and all(a <= b for a, b in zip(each, other, strict=True)) for other in found)
    )


@cache
def tried(product: str, counts: Counts) -> int:
    """Return how few GPUs hold the devices, by trying every layout on every GPU."""
    if not any(counts):
        return 0
    rests = (
        tuple(max(0, count - held) for count, held in zip(counts, layout, strict=True))
        for layout in fullest(product)
    )
    return 1 + min(tried(product, rest) for rest in rests if rest != counts)


def fewest(product: str, counts: Counts) -> int:
    """Return how few GPUs Lens says that hold the devices."""
    profiles, gigabytes = TABLES[product]
    (of,) = (each for each in PRODUCTS if re.search(each.name, product) and each.gigabytes == gigabytes)
    named = [(MigProfile.parse(name), count) for name, count in zip(profiles, counts, strict=True)]
    return fewest_gpus([(profile, count) for profile, count in named if profile is not None], [of])


@given(st.tuples(*(st.integers(0, most) for most in (3, 9, 5, 4, 4, 3, 2))))
@example((2, 0, 0, 0, 3, 0, 0))  # two halves on one GPU would leave both extensions on the other
@example((2, 0, 0, 3, 1, 0, 0))
def test_the_fewest_gpus_are_what_trying_every_placement_finds(counts: Counts) -> None:
    assert fewest("h100", counts) == tried("h100", counts)


@given(st.tuples(*(st.integers(0, most) for most in (6, 3, 4, 3, 2))))
@example((0, 1, 2, 0, 0))
@example((0, 1, 0, 1, 0))
def test_one_device_of_an_a30_has_the_media_extensions(counts: Counts) -> None:
    assert fewest("a30", counts) == tried("a30", counts)


@given(st.tuples(*(st.integers(0, most) for most in (5, 2, 2, 5, 3, 2, 3, 2))))
@example((1, 0, 1, 0, 0, 0, 0, 0))  # none with engines goes beside the one that has them all
@example((0, 0, 1, 1, 0, 0, 1, 0))
@example((0, 0, 0, 0, 1, 1, 0, 0))
def test_only_devices_without_engines_go_beside_one_with_all_of_them(counts: Counts) -> None:
    assert fewest("rtx-pro-6000", counts) == tried("rtx-pro-6000", counts)


def test_devices_that_share_no_engines_are_counted_on_a_node() -> None:
    of = {"nvidia.com/gpu.product": "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition"}
    assert mixed("1g.24gb.me.all 1, 1g.24gb-me 1, 2g.48gb-me 1", of).states.total == GPUS
    assert mixed("2g.48gb.me.all 1, 2g.48gb 1", of).states.total == GPUS + GPUS // 2
