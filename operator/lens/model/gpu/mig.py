"""The fewest GPUs that can hold some MIG devices, by the products' own layouts.

Source: NVIDIA's Multi-Instance GPU user guide, "Supported MIG profiles", and what ``nvidia-smi mig -lgipp``
prints there. A GPU has eight memory slices, on which a device of one size begins only at some:

| device | slices | begins at |
| --- | --- | --- |
| ``1g`` | 1 | 0 to 6 |
| ``1g`` with double memory | 2 | 0, 2, 4, 6 |
| ``2g`` | 2 | 0, 2, 4 |
| ``3g`` | 4 | 0, 4 |
| ``4g`` | 4 | 0 |
| ``7g`` | 8 | 0 |

Devices that fit so never need more than the seven slices of compute. The A30 and the RTX PRO 6000 have four
slices and the smaller RTX PROs two, their largest device is ``4g`` or ``2g``, and what fits into the slices
can be placed.

The guide's "Hardware Units" limit the devices with media extensions. Every product has one OFA engine, which
each ``+me``, each ``+me.all`` and a full GPU has. A ``+me.all`` has all decoders, encoders and JPEG engines
too, so only ``-me`` devices, which have none, go beside it. All others have no more than their slices' share.

The gigabytes in a profile's name are the slices' share of the product's memory (go-nvlib,
getMigMemorySizeGB), so ``1g.35gb`` is one slice of a GB300 and two of an H200.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import msgspec

_NAME = re.compile(
    r"(?:([1-7])c\.)?([1-7])g\.(\d{1,3})gb(?:[.+](me\.all|me)(?![a-z])|(-me)(?![a-z]))?", re.ASCII
)
Media = Literal["none", "share", "one", "all"]
"""The media engines of a GPU instance: none, its slices' share, those that a GPU has once beside, or all."""

_MEDIA: Mapping[str | None, Media] = {None: "share", "me": "one", "me.all": "all", "-me": "none"}
_SIZES = {1: 1, 2: 2, 3: 4, 4: 4, 7: 8}
_QUARTERS = 4
_COMPUTE_SLICES = 7
_ROUNDING = 0.5
_DRIVERS = 0.15
"""How far a driver's figure of the memory may be from the product's: 251 GB of a GB300 were 278 GB before."""


class MigProfile(msgspec.Struct, frozen=True, gc=False):
    """A device's profile, parsed from its name: ``1g.10gb``, ``1g.10gb.me``, ``1c.3g.20gb``.

    ``slices`` are the GPU instance's slices of compute, ``compute`` those of them that the device has, and
    ``gigabytes`` the instance's memory.
    """

    slices: int
    gigabytes: int
    compute: int
    media: Media = "share"

    @classmethod
    def parse(cls, text: str) -> "MigProfile | None":
        """Parse a profile's name, whatever follows it; return None for another text."""
        match = _NAME.match(text)
        if match is None or int(match[2]) not in _SIZES:
            return None
        slices = int(match[2])
        compute = slices if match[1] is None else min(int(match[1]), slices)
        return cls(slices, int(match[3]), compute, _MEDIA[match[4] or match[5]])


class MigProduct(msgspec.Struct, frozen=True, gc=False):
    """A product with so much memory in 8, 4 or 2 slices. ``name`` is a pattern for product labels."""

    name: str
    gigabytes: int
    slices: int = 8

    def size(self, profile: MigProfile) -> int:
        """Return how many memory slices a device's GPU instance has."""
        if self.slices <= _QUARTERS:
            return min(profile.slices, self.slices)
        if profile.slices == 1 and self.gigabytes:
            return 2 if profile.gigabytes > 1.5 * self.gigabytes / self.slices else 1
        return _SIZES[profile.slices]

    def has(self, profile: MigProfile, tolerance: float = 0) -> bool:
        """Return whether a profile of that name is the product's, give or take that part of the memory."""
        if self.slices <= _QUARTERS and (profile.slices > self.slices or profile.slices == 3):
            return False
        memory = self.size(profile) * self.gigabytes / self.slices
        return abs(profile.gigabytes - memory) <= max(_ROUNDING, tolerance * memory)


PRODUCTS = (
    MigProduct("a30|a30x", 24, slices=_QUARTERS),
    MigProduct("a100|a800", 40),
    MigProduct("(?<!tesla-)a100|a100x|a800|h100|h800", 80),  # GKE's nvidia-tesla-a100 has 40 GB
    MigProduct("h100|h800", 94),
    MigProduct("h100|gh200|h20", 96),
    MigProduct("gh200", 144),
    MigProduct("h200|h20", 141),
    MigProduct("b200", 180),
    MigProduct("gb200", 186),
    MigProduct("gb200", 189),
    MigProduct("b300", 269),
    MigProduct("gb300", 278),
    MigProduct("rtx-pro-4500", 32, slices=2),
    MigProduct("rtx-pro-5000", 48, slices=2),
    MigProduct("rtx-pro-5000", 72, slices=2),
    MigProduct("rtx-pro-6000", 96, slices=_QUARTERS),
)
"""The products that can be partitioned, with the memory that their drivers report. Some have several
sizes."""

ANY_PRODUCT = (MigProduct("", 0),)
"""For profiles that no product has: a device has at least the slices in its name, of a GPU's seven."""


def products(
    labels: Iterable[str], memory_mib: int | None, profiles: Sequence[MigProfile]
) -> tuple[MigProduct, ...]:
    """Return the products that a node's GPUs may be: those that have all its profiles.

    ``labels`` are the possible names of the product, the best first, and ``memory_mib`` is a whole GPU's
    memory. A name that contradicts the profiles is ignored.
    """
    for label in labels:
        named = _named(label)
        for tolerance in (0, _DRIVERS):
            if found := _having(named, profiles, tolerance):
                return found
    if memory_mib is not None:
        reported = MigProduct("", -(-memory_mib // 1024))
        if found := _having((reported,), profiles, _DRIVERS):
            return found
    return _having(PRODUCTS, profiles, 0) or ANY_PRODUCT


def compute_slices(label: str) -> int:
    """Return how many slices of compute a GPU has in MIG mode, by a label of its product."""
    return min((_COMPUTE_SLICES, *(product.slices for product in _named(label))))


def fewest_gpus(devices: Iterable[tuple[MigProfile, int]], products: Iterable[MigProduct]) -> int:
    """Return the fewest GPUs that can hold the devices of these profiles, on any of the products."""
    instances = _instances(devices)
    return min(_Layout(product, instances).fewest_gpus() for product in products)


@lru_cache(maxsize=256)
def _named(label: str) -> tuple[MigProduct, ...]:
    """Return the products that a label may name; of those of several sizes the one whose size it has."""
    text = re.sub(r"[^a-z0-9]+", "-", label.lower())
    named = [each for each in PRODUCTS if re.search(rf"(?<![a-z0-9])(?:{each.name})(?![a-z0-9])", text)]
    sized = [each for each in named if re.search(rf"(?<![0-9]){each.gigabytes}gb?(?![a-z])", text)]
    return tuple(sized or named)


def _having(
    among: Sequence[MigProduct], profiles: Sequence[MigProfile], tolerance: float
) -> tuple[MigProduct, ...]:
    return tuple(each for each in among if all(each.has(profile, tolerance) for profile in profiles))


def _instances(devices: Iterable[tuple[MigProfile, int]]) -> list[tuple[MigProfile, int]]:
    """Return the GPU instances that the devices need: several compute instances may share one."""
    sharing: dict[MigProfile, list[tuple[int, int]]] = {}
    for profile, number in devices:
        whole = msgspec.structs.replace(profile, compute=profile.slices)
        sharing.setdefault(whole, []).append((profile.compute, number))
    return [(whole, _fewest_instances(whole.slices, parts)) for whole, parts in sharing.items()]


def _fewest_instances(slices: int, parts: list[tuple[int, int]]) -> int:
    """Return a lower bound of the instances of so many slices that hold these parts of them."""
    return max(
        -(-sum(part * number for part, number in parts) // slices),
        sum(number for part, number in parts if 2 * part > slices),
        *(-(-number // (slices // part)) for part, number in parts),
    )


class _Layout:
    """GPU instances by their places on a product's GPUs."""

    def __init__(self, product: MigProduct, instances: Iterable[tuple[MigProfile, int]]) -> None:
        self._slices = product.slices
        # By the table above: instances of 7g (the largest of few slices), 4g, 3g, 2g, wide 1g, 1g.
        self._full = self._first_halves = self._halves = self._pairs = self._wide = self._singles = 0
        self._number = 0
        # The instances of less than a GPU, by their engines and, where slices are few, their size.
        self._media: Counter[Media] = Counter()
        self._sizes: Counter[tuple[Media, int]] = Counter()
        for profile, number in instances:
            size = product.size(profile)
            self._number += number
            if size == product.slices:
                self._full += number
                continue
            self._media[profile.media] += number
            self._sizes[profile.media, size] += number
            if size == 4:
                self._first_halves += number if profile.slices == 4 else 0
                self._halves += number if profile.slices == 3 else 0
            elif size == 2:
                self._wide += number if profile.slices == 1 else 0
                self._pairs += number if profile.slices == 2 else 0
            else:
                self._singles += number

    def fewest_gpus(self) -> int:
        """Return the smallest number of GPUs that they fit on; one for each is always enough."""
        low, high = 0, self._number
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._fits(middle) else (middle + 1, high)
        return low

    def _fits(self, gpus: int) -> bool:
        free = gpus - self._full
        # Each has the OFA engine of its GPU.
        if free < self._media["one"] + self._media["all"]:
            return False
        return self._fits_few(free) if self._slices <= _QUARTERS else self._fits_eighths(free)

    def _fits_few(self, free: int) -> bool:
        """Return whether all but the full ones fit on so many GPUs of up to four slices."""
        singles, pairs = self._singles, self._pairs
        # Beside an instance that has all media engines go only those without: a pair at most, and singles.
        exclusive = self._media["all"]
        beside = exclusive * self._slices - self._sizes["all", 1] - 2 * self._sizes["all", 2]
        pairs_beside = min(self._sizes["none", 2], exclusive if self._slices == _QUARTERS else 0)
        singles_beside = min(self._sizes["none", 1], beside - 2 * pairs_beside)
        free -= exclusive
        pairs -= self._sizes["all", 2] + pairs_beside
        singles -= self._sizes["all", 1] + singles_beside
        # A pair doesn't fit twice beside a single that has to be there.
        places = self._slices // 2 * free - self._sizes["one", 1]
        return 2 * pairs + singles <= self._slices * free and pairs <= places

    def _fits_eighths(self, free: int) -> bool:
        """Return whether all but the full ones fit on so many GPUs of eight slices."""
        # The first half of a GPU has two places of two slices, the second half one, and behind it a place
        # (slice 6) that takes a 1g of either size. So a device that fits either takes the second half, and
        # that place.
        second = free - self._halves
        first = free - self._first_halves + min(0, second)
        second = max(0, second)
        lasts = max(0, second - self._wide)
        places = 2 * first + second - self._pairs - max(0, self._wide - second)
        # Each with media extensions is on a GPU of its own that has room: on the last place, or on another,
        # of which then a half is left. Halves are free on as many GPUs as there can be.
        media = self._sizes["one", 1] + self._sizes["all", 1]
        on_lasts = min(media, lasts)
        on_places = media - on_lasts
        room = lasts - on_lasts + 2 * places - on_places
        return (
            first >= 0
            and places >= on_places
            and media <= min(free, first + second)
            and room >= self._singles - media
        )
