"""The physical GPUs of one node counted afresh, where units are parts of GPUs; see tests.recount.

Written from the rule (docs/counting.md, rule 7) with fractions of GPUs, and taking text apart by hand.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

Units = Mapping[str, int]
Key = tuple[str, str]

_MEMORY = {1: Fraction(1, 8), 2: Fraction(1, 4), 3: Fraction(1, 2), 4: Fraction(1, 2), 7: Fraction(1)}
_OF_FOUR_PLACES = {
    "1g.6gb": Fraction(1, 4),
    "2g.12gb": Fraction(1, 2),
    **dict.fromkeys(("1g.20gb", "1g.35gb", "1g.45gb"), Fraction(1, 4)),
}


class Kind(NamedTuple):
    """What a unit is: one of so many on a device that takes these parts of a GPU."""

    replicas: int
    compute: Fraction = Fraction(1)
    memory: Fraction = Fraction(1)
    media: bool = False


class Told(NamedTuple):
    """What an agent says of a node: the GPU of each MIG device, and each pod's resource, device and GPU."""

    instances: Mapping[str, str]
    pods: Mapping[Key, Iterable[tuple[str, str, str]]]


NOTHING = Told({}, {})


def count(
    labels: Mapping[str, str],
    offers: Mapping[str, tuple[int, int]],
    pods: Mapping[Key, Units],
    devices: Mapping[Key, Iterable[tuple[str, str]]],
    told: Told = NOTHING,
) -> dict[str, Any]:
    """Count a node's shared GPUs: groups of total, usable, held, approximate, and what each pod is on.

    ``offers`` are capacity and allocatable by resource, ``devices`` what the pods' statuses name.
    """
    resources = {*offers, *(resource for units in pods.values() for resource in units)}
    # Labels speak of what the node offers.
    kinds = {each: kind(each, offers, labels if each in offers else {}) for each in resources}
    groups: list[dict[str, Any]] = []
    on: dict[Key, tuple[int, bool]] = {}
    shared: set[str] = set()
    for members in _families(resources):
        if not any(kinds[resource] for resource in members):
            continue
        shared |= members
        parts = {resource: kinds[resource] or Kind(1) for resource in members}
        there = {resource: max(offers.get(resource, (0, 0))) for resource in members}
        fewest, most = _fewest(parts, there), _devices(parts, there)
        cut = len(set(told.instances.values()))
        if fewest <= cut <= most:
            fewest = most = cut

        held: dict[str, int] = dict.fromkeys(members, 0)
        places: list[str] = []
        for key, units in pods.items():
            mine = {resource: number for resource, number in units.items() if resource in members}
            if not mine:
                continue
            where = [
                gpu
                for resource, number in mine.items()
                for gpu in _places(key, resource, devices, told, alone=len(units) == 1)[:number]
            ]
            for resource, number in mine.items():
                held[resource] += number
            places += where
            low, high = _between(parts, there, mine, where, most)
            before = on.get(key, (sum(n for r, n in units.items() if not _any_in_family(r, kinds)), False))
            on[key] = (before[0] + low, before[1] or low != high)
        low, high = _between(parts, there, held, places, most)
        total = low if fewest < low <= most else most if low > most else fewest
        usable, perhaps = _usable(parts, offers, members, total)
        groups.append(
            {
                "total": total,
                "usable": usable,
                "held": low,
                "approximate": (low, total, usable) != (high, most, perhaps),
            }
        )
    return {"groups": groups, "shared": shared, "pods": on}


def kind(resource: str, offers: Mapping[str, tuple[int, int]], labels: Mapping[str, str]) -> Kind | None:
    """Return what a unit of a resource is; None for a GPU."""
    if not resource.startswith("nvidia.com/"):
        return None
    renamed = resource.endswith(".shared")
    own = resource[: -len(".shared")] if renamed else resource
    strategy = labels.get("nvidia.com/mig.strategy")
    profile = None
    if resource.startswith("nvidia.com/mig-"):
        profile = _profile(resource[len("nvidia.com/mig-") :])
    elif own == "nvidia.com/gpu" and "cloud.google.com/gke-gpu-partition-size" in labels:
        profile = _profile(labels["cloud.google.com/gke-gpu-partition-size"])
    elif own == "nvidia.com/gpu" and strategy == "single" and "-MIG-" in labels.get(f"{own}.product", ""):
        profile = _profile(labels[f"{own}.product"].split("-MIG-")[-1])
    clients = labels.get("cloud.google.com/gke-max-shared-clients-per-gpu", "")
    if own != "nvidia.com/gpu" or f"{own}.replicas" in labels:
        clients = labels.get(f"{own}.replicas", "")
    replicas = _whole(clients) or 1
    capacity = offers.get(resource, (0, 0))[0]
    if not renamed and f"{resource}.shared" in offers:
        replicas = 1
    if capacity:
        devices = _whole(labels.get(f"{own}.count", "")) or 0
        if own == "nvidia.com/gpu" and strategy == "mixed":
            devices = 0
        if capacity % replicas or devices * replicas > capacity:
            replicas = 1
    if profile is None:
        return Kind(replicas) if replicas > 1 else None
    return Kind(replicas, *profile)


def _profile(text: str) -> tuple[Fraction, Fraction, bool] | None:
    name, gigabytes, rest = text.partition("gb")
    steps = name.split(".")
    if not gigabytes or len(steps) not in (2, 3) or not _whole(steps[-1]) or len(steps[-1]) > 3:
        return None
    slices = _whole(steps[-2].removesuffix("g")) if steps[-2].endswith("g") else None
    if slices not in _MEMORY:
        return None
    memory = _OF_FOUR_PLACES.get(f"{steps[-2]}.{steps[-1]}gb", _MEMORY[slices])
    compute = slices
    if len(steps) == 3:
        compute = min(slices, int(steps[0].removesuffix("c")))
        memory = Fraction(int(memory * 8) * compute // slices, 8)
    return Fraction(compute, 7), memory, rest.startswith(("me", ".me", "+me"))


def _families(resources: Iterable[str]) -> list[set[str]]:
    mig = {resource for resource in resources if resource.startswith("nvidia.com/mig-")}
    return [*([mig] if mig else []), *({resource} for resource in sorted(set(resources) - mig))]


def _any_in_family(resource: str, kinds: Mapping[str, Kind | None]) -> bool:
    return any(resource in family and any(kinds[each] for each in family) for family in _families(kinds))


def _fewest(parts: Mapping[str, Kind], units: Units) -> int:
    devices = {
        resource: ceil(Fraction(number, parts[resource].replicas)) for resource, number in units.items()
    }
    return max(
        ceil(sum((number * parts[each].compute for each, number in devices.items()), Fraction(0))),
        ceil(sum((number * parts[each].memory for each, number in devices.items()), Fraction(0))),
        sum(number for each, number in devices.items() if parts[each].media),
    )


def _devices(parts: Mapping[str, Kind], units: Units) -> int:
    return sum(ceil(Fraction(number, parts[resource].replicas)) for resource, number in units.items())


def _between(
    parts: Mapping[str, Kind], there: Units, held: Units, places: list[str], most: int
) -> tuple[int, int]:
    if any(number > there[resource] for resource, number in held.items()):
        most = max(most, _devices(parts, held))
    seen = len(set(places))
    low = max(_fewest(parts, held), seen if seen < most else most)
    elsewhere = seen + sum(held.values()) - len(places)
    return low, max(low, elsewhere if elsewhere < most else most)


def _usable(
    parts: Mapping[str, Kind], offers: Mapping[str, tuple[int, int]], members: set[str], total: int
) -> tuple[int, int]:
    out = {each: max(0, offers.get(each, (0, 0))[0] - offers.get(each, (0, 0))[1]) for each in members}
    if not any(out.values()):
        return total, total
    left = {each: offers.get(each, (0, 0))[1] for each in members}
    most = min(total, _devices(parts, left))
    return max(min(most, _fewest(parts, left)), total - _devices(parts, out)), most


def _places(
    key: Key,
    resource: str,
    devices: Mapping[Key, Iterable[tuple[str, str]]],
    told: Told,
    *,
    alone: bool,
) -> list[str]:
    named: dict[str, str] = {}
    for name, device in devices.get(key, ()):
        gpu = _gpu(device, told)
        if name == resource and gpu:
            named[device] = gpu
    more = [
        gpu
        for name, device, gpu in sorted(set(told.pods.get(key, ())))
        if device not in named and (name == resource or (alone and not name))
    ]
    new = [gpu for gpu in more if gpu not in named.values()]
    old = [gpu for gpu in more if gpu in named.values()]
    return [*named.values(), *new, *old]


def _gpu(device: str, told: Told) -> str | None:
    device = device.split("::")[0]
    if device.startswith("MIG-GPU-"):
        return device[len("MIG-") :].split("/")[0]
    if device.startswith("MIG-"):
        return told.instances.get(device)
    return device if device.startswith("GPU-") else None


def _whole(text: str) -> int | None:
    return int(text) if text and len(text) <= 9 and set(text) <= set("0123456789") else None
