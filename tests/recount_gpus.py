"""The physical GPUs of one node counted afresh, where units are parts of GPUs; see tests.recount.

Written from the rule (docs/counting.md, rule 7) with fractions of GPUs, and taking text apart by hand.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

Units = Mapping[str, int]
Key = tuple[str, str]

# Eighths (of the A30 and the RTX PROs quarters) of the memory in GB, by words in the product's label.
_EIGHTHS = {
    "a100": (40, 80), "a800": (40, 80), "a100x": (80,), "h100": (80, 94, 96), "h800": (80, 94),
    "gh200": (96, 144), "h20": (96, 141), "h200": (141,), "b200": (180,), "gb200": (186, 189), "b300": (269,),
    "gb300": (278,),
}  # fmt: skip
_QUARTERS = {"a30": (24,), "rtx-pro-4500": (32,), "rtx-pro-5000": (48, 72), "rtx-pro-6000": (96,)}
_UNKNOWN = (8, 0)

# AMD's modes, and what a product has of compute units and of dies, each of which CPX makes a GPU of.
_MODES = {"spx": 1, "dpx": 2, "tpx": 3, "qpx": 4}
_DIES = {"MI300A": (228, 6), "MI308X": (80, 4), **dict.fromkeys(("MI300X", "MI325X"), (304, 8))}
_DIES |= dict.fromkeys(("MI350X", "MI355X"), (256, 8))
_PARTS = (1, 2, 3, 4, 6, 8)

Profile = tuple[int, int, int, bool]


class Kind(NamedTuple):
    """What a unit is: one of so many, as far as that is sure, on a GPU or on a MIG device.

    A profile is the compute that the device has of its GPU instance, that instance's slices and gigabytes,
    and whether it has the media extensions.
    """

    replicas: int
    profile: Profile | None = None
    sure: bool = True


class Reported(NamedTuple):
    """What an agent says of a node: the GPU of each MIG device, and each pod's resource, device and GPU.

    ``gpus`` are all that it has seen, in so many partitions, of that domain, which is empty for any.
    ``cards`` has the uuid and the product of each GPU, as far as they can be read. ``replicas`` are how often
    each device of a resource is offered, where it is more than once.
    """

    instances: Mapping[str, str]
    pods: Mapping[Key, Iterable[tuple[str, str, str]]]
    gpus: int = 0
    partitions: int = 0
    domain: str = ""
    cards: Sequence[tuple[str | None, str | None]] = ()
    replicas: Mapping[str, int] = {}


NOTHING = Reported({}, {})


def count(
    labels: Mapping[str, str],
    offers: Mapping[str, tuple[int, int]],
    pods: Mapping[Key, Units],
    devices: Mapping[Key, Iterable[tuple[str, str]]],
    reported: Reported = NOTHING,
) -> dict[str, Any]:
    """Count a node's shared GPUs: groups of total, usable, held, approximate, and what each pod is on.

    ``offers`` are capacity and allocatable by resource, ``devices`` what the pods' statuses name.
    """
    resources = {*offers, *(resource for units in pods.values() for resource in units)}
    # Labels speak of what the node offers.
    kinds = {each: kind(each, offers, labels if each in offers else {}) for each in resources}
    replicated = {
        resource
        for key, units in pods.items()
        for resource, device in devices.get(key, ())
        if resource in units and device.rpartition("::")[0] and _whole(device.rpartition("::")[2]) is not None
    }
    by_ids = {each: _by_ids(each, kinds[each], offers, replicated, reported) for each in resources}
    kinds |= {each: found for each, found in by_ids.items() if found}
    boards = _boards({each: found for each, found in kinds.items() if found}, offers, labels)
    groups: list[dict[str, Any]] = []
    on: dict[Key, tuple[int, bool]] = {}
    shared: set[str] = set()
    for members in _families(resources):
        if not any(kinds[resource] for resource in members):
            continue
        shared |= members
        there = {resource: max(offers.get(resource, (0, 0))) for resource in members}
        parts = {
            each: by_ids[each] or _seen(each, kinds[each] or Kind(1), there[each], reported)
            for each in members
        }
        sure = all(each.sure for each in parts.values())
        fewest, most = _fewest(parts, there, boards), _devices(parts, there)
        if any(each.profile for each in parts.values()):
            fewest, most = _cut_up(parts, there, offers, labels, reported, fewest, most)

        held: dict[str, int] = dict.fromkeys(members, 0)
        places: list[str] = []
        for key, units in pods.items():
            mine = {resource: number for resource, number in units.items() if resource in members}
            if not mine:
                continue
            where = [
                gpu
                for resource, number in mine.items()
                for gpu in _places(key, resource, devices, reported, alone=len(units) == 1)[:number]
            ]
            for resource, number in mine.items():
                held[resource] += number
            places += where
            low, high = _between(parts, there, mine, where, most, boards)
            before = on.get(key, (sum(n for r, n in units.items() if not _any_in_family(r, kinds)), False))
            on[key] = (before[0] + low, before[1] or low != high or not sure)
        low, high = _between(parts, there, held, places, most, boards)
        total = low if fewest < low <= most else most if low > most else fewest
        usable, perhaps = _usable(parts, offers, members, total, boards)
        groups.append(
            {
                "vendor": min(members).split("/")[0],
                "resources": members,
                "total": total,
                "usable": usable,
                "held": low,
                "approximate": (low, total, usable) != (high, most, perhaps)
                or (not sure and (total, low) != (0, 0)),
            }
        )
    return {"groups": groups, "shared": shared, "pods": on}


def kind(resource: str, offers: Mapping[str, tuple[int, int]], labels: Mapping[str, str]) -> Kind | None:
    """Return what a unit of a resource is; None for a GPU."""
    match resource.split("/")[0]:
        case "nvidia.com":
            return _nvidia(resource, offers, labels)
        case "amd.com":
            return _amd(resource, offers.get(resource, (0, 0))[0], labels)
        case "gpu.intel.com":
            return _intel(resource, offers, labels)
    return None


def _nvidia(resource: str, offers: Mapping[str, tuple[int, int]], labels: Mapping[str, str]) -> Kind | None:
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
    return Kind(replicas, profile) if profile or replicas > 1 else None


def _amd(resource: str, capacity: int, labels: Mapping[str, str]) -> Kind | None:
    product = labels.get("amd.com/gpu.product-name", "")
    units, dies = next((_DIES[each] for each in _DIES if each.lower() in product.lower()), (0, 8))
    mode = resource.split("/")[1]
    if mode == "gpu":
        mode = labels.get("amd.com/gpu.compute-memory-partition", "")
        mode = labels.get("amd.com/compute-memory-partition", mode)
    parts = dies if mode.lower().split("_")[0] == "cpx" else _MODES.get(mode.lower().split("_")[0], 0)
    own = _whole(labels.get("amd.com/gpu.cu-count", "")) or 0
    if not parts and units and own:
        parts = next((each for each in _PARTS if own * each == units), 0)
    if parts:
        return Kind(parts, None, capacity % parts == 0) if parts > 1 else None
    if capacity < 2 or labels.get("amd.com/compute-partitioning-supported") == "false":
        return None
    number = product.lower().partition("mi")[2][:3]
    if product and not (len(number) == 3 and number.isdigit() and number[0] >= "3"):
        return None
    return Kind(next((each for each in _PARTS if capacity <= 8 * each), 8), None, False)


def _intel(resource: str, offers: Mapping[str, tuple[int, int]], labels: Mapping[str, str]) -> Kind | None:
    capacity = offers.get(resource, (0, 0))[0]
    units = sum(each for name, (each, _) in offers.items() if name.startswith("gpu.intel.com/"))
    gpus = 0
    for name in ("device.count", "device-id.", "cards", "gpu-numbers"):
        for label, value in labels.items():
            if (
                name == "device-id."
                and label.startswith(f"gpu.intel.com/{name}")
                and label.endswith(".count")
            ):
                continue
            if label == f"gpu.intel.com/{name}" and value:
                gpus = len(value.split(".")) if name in ("cards", "gpu-numbers") else (_whole(value) or gpus)
        if name == "device-id.":
            counted = [
                _whole(value) or 0
                for label, value in labels.items()
                if label.startswith("gpu.intel.com/device-id.") and label.endswith(".count")
            ]
            gpus = sum(counted) or gpus
    if gpus and units and units % gpus == 0 and capacity % (units // gpus) == 0:
        return Kind(units // gpus) if units != gpus else None
    return Kind(1, None, False) if capacity > 1 else None


def _by_ids(
    resource: str,
    kind: Kind | None,
    offers: Mapping[str, tuple[int, int]],
    replicated: set[str],
    reported: Reported,
) -> Kind | None:
    """Return what a unit is by devices' ids, where labels say that it is a whole device; None for those."""
    labelled = kind or Kind(1)
    if labelled.replicas > 1 or not labelled.sure:
        return None
    replicas = reported.replicas.get(resource, 1)
    if replicas > 1 and max(offers.get(resource, (0, 0))) % replicas == 0:
        return Kind(replicas, labelled.profile)
    return Kind(1, labelled.profile, False) if resource in replicated else None


def _seen(resource: str, kind: Kind, units: int, reported: Reported) -> Kind:
    """Return what a unit of AMD's is, by what an exporter has seen."""
    is_amd = resource.startswith("amd.com/") and reported.domain in ("", "amd.com")
    if kind.sure or not is_amd or reported.gpus not in range(1, 17) or units % reported.gpus:
        return kind
    parts = units // reported.gpus
    return Kind(parts, None, reported.partitions == units or parts == 8) if parts in _PARTS else kind


def _profile(text: str) -> Profile | None:
    name, gigabytes, rest = text.partition("gb")
    steps = name.split(".")
    if not gigabytes or len(steps) not in (2, 3) or not _whole(steps[-1]) or len(steps[-1]) > 3:
        return None
    slices = _whole(steps[-2].removesuffix("g")) if steps[-2].endswith("g") else None
    if slices not in (1, 2, 3, 4, 7):
        return None
    compute = slices if len(steps) == 2 else min(slices, int(steps[0].removesuffix("c")))
    return compute, slices, int(steps[-1]), rest.startswith((".me", "+me"))


def _boards(
    parts: Mapping[str, Kind], offers: Mapping[str, tuple[int, int]], labels: Mapping[str, str]
) -> list[tuple[int, int]]:
    """Return the slices and gigabytes of the products that have the profiles that the node offers."""
    profiles = [kind.profile for each, kind in parts.items() if kind.profile and each in offers]
    if not profiles:
        return [_UNKNOWN]
    mig = sorted(each for each in offers if each.startswith("nvidia.com/mig-"))
    names = [labels.get(f"{each}.product") for each in ("nvidia.com/gpu", *mig)]
    for name in (*names, labels.get("cloud.google.com/gke-accelerator")):
        words = "-" + "".join(c if c.isalnum() else "-" for c in (name or "").lower()) + "-"
        named = [(8, size) for each, sizes in _EIGHTHS.items() if f"-{each}-" in words for size in sizes]
        named += [(4, size) for each, sizes in _QUARTERS.items() if f"-{each}-" in words for size in sizes]
        if "-tesla-a100-" in words:
            named = [(8, 40)]
        named = [each for each in named if f"-{each[1]}gb-" in words] or named
        for slack in (Fraction(0), Fraction(15, 100)):
            if found := [each for each in named if all(_fits(each, profile, slack) for profile in profiles)]:
                return found
    memory = _whole(labels.get("nvidia.com/gpu.memory", ""))
    if memory is not None and labels.get("nvidia.com/mig.strategy") != "single":
        board = (8, ceil(Fraction(memory, 1024)))
        if all(_fits(board, profile, Fraction(15, 100)) for profile in profiles):
            return [board]
    known = [(8, size) for sizes in _EIGHTHS.values() for size in sizes]
    known += [(4, size) for sizes in _QUARTERS.values() for size in sizes]
    return [each for each in known if all(_fits(each, profile, Fraction(0)) for profile in profiles)] or [
        _UNKNOWN
    ]


def _length(board: tuple[int, int], profile: Profile) -> int:
    _, slices, gigabytes, _ = profile
    if board[0] == 4:
        return 4 if slices > 4 else slices
    if slices == 1 and board[1] and gigabytes > Fraction(3 * board[1], 16):
        return 2
    return {1: 1, 2: 2, 3: 4, 4: 4, 7: 8}[slices]


def _fits(board: tuple[int, int], profile: Profile, slack: Fraction) -> bool:
    if board[0] == 4 and profile[1] in (3, 7):
        return False
    memory = Fraction(board[1] * _length(board, profile), board[0])
    return abs(profile[2] - memory) <= max(Fraction(1, 2), slack * memory)


def _cut_up(
    parts: Mapping[str, Kind],
    there: Units,
    offers: Mapping[str, tuple[int, int]],
    labels: Mapping[str, str],
    reported: Reported,
    fewest: int,
    most: int,
) -> tuple[int, int]:
    """Return the fewest and the most GPUs that MIG can have cut up."""
    seen = reported.instances if reported.domain in ("", "nvidia.com") else {}
    cut = len({*seen.values()})
    if 0 < cut <= most <= len(seen):
        return cut, cut
    count = _whole(labels.get("nvidia.com/gpu.count", ""))
    mixed = labels.get("nvidia.com/mig.strategy") != "single" and any("/mig-" in each for each in offers)
    if count is not None and mixed:
        for resource in ("nvidia.com/gpu", "nvidia.com/gpu.shared"):
            whole = kind(resource, offers, labels) or Kind(1)
            count -= ceil(Fraction(offers.get(resource, (0, 0))[0], whole.replicas))
        if 0 < count <= most and count >= _fewest(parts, there, [_UNKNOWN]):
            return count, count
    return (cut if fewest < cut <= most else fewest), most


def _families(resources: Iterable[str]) -> list[set[str]]:
    mig = {resource for resource in resources if resource.startswith("nvidia.com/mig-")}
    return [*([mig] if mig else []), *({resource} for resource in sorted(set(resources) - mig))]


def _any_in_family(resource: str, kinds: Mapping[str, Kind | None]) -> bool:
    return any(resource in family and any(kinds[each] for each in family) for family in _families(kinds))


def _fewest(parts: Mapping[str, Kind], units: Units, boards: list[tuple[int, int]]) -> int:
    number = {each: ceil(Fraction(count, parts[each].replicas)) for each, count in units.items()}
    whole = sum(count for each, count in number.items() if not parts[each].profile)
    by_instance: dict[tuple[int, int, bool], list[tuple[int, int]]] = {}
    for each, count in number.items():
        if (profile := parts[each].profile) is not None:
            by_instance.setdefault(profile[1:], []).append((profile[0], count))
    instances = {each: _instances(each[0], parts_of) for each, parts_of in by_instance.items()}
    return whole + min(_packed(board, instances) for board in boards)


def _instances(slices: int, parts: list[tuple[int, int]]) -> int:
    """Return no more GPU instances than hold the compute instances: parts of them, and how many."""
    bounds = [ceil(sum((Fraction(part * count, slices) for part, count in parts), Fraction(0)))]
    bounds += [ceil(Fraction(count, slices // part)) for part, count in parts]
    return max(*bounds, sum(count for part, count in parts if Fraction(part, slices) > Fraction(1, 2)))


def _packed(board: tuple[int, int], instances: Mapping[tuple[int, int, bool], int]) -> int:
    """Return the first number of GPUs, counted up in ever smaller steps, on which all have their places."""
    sizes: dict[tuple[int, int], int] = {}
    media = 0
    for (slices, gigabytes, extended), count in instances.items():
        size = _length(board, (slices, slices, gigabytes, extended))
        sizes[size, slices] = sizes.get((size, slices), 0) + count
        media += count if extended else 0
    if board[0] == 4:
        slots = 2 * sizes.get((2, 2), 0) + sizes.get((1, 1), 0)
        return sizes.get((4, 4), 0) + max(media, ceil(Fraction(slots, 4)))
    gpus, step = media, 1 << 40
    while step:
        if not _holds(gpus + step - 1, sizes, media):
            gpus += step
        step //= 2
    return sizes.get((8, 7), 0) + gpus


def _holds(gpus: int, sizes: Mapping[tuple[int, int], int], media: int) -> bool:
    """Hand out the places on so many GPUs: the largest devices first, to each the place of least use."""
    # Two halves fill a GPU, and each device with the media extensions needs a GPU of its own that isn't full.
    if gpus - max(0, sizes.get((4, 4), 0) + sizes.get((4, 3), 0) - gpus) < media:
        return False
    halves = {"second": gpus, "first": gpus}
    for size, kinds in (((4, 4), ("first",)), ((4, 3), ("second", "first"))):
        wanted = sizes.get(size, 0)
        for place in kinds:
            taken = min(wanted, halves[place])
            halves[place] -= taken
            wanted -= taken
        if wanted:
            return False
    places = {"end": halves["second"], "pair": halves["second"] + 2 * halves["first"]}
    for size, kinds in (((2, 2), ("pair",)), ((2, 1), ("end", "pair"))):
        wanted = sizes.get(size, 0)
        for place in kinds:
            taken = min(wanted, places[place])
            places[place] -= taken
            wanted -= taken
        if wanted:
            return False
    return sizes.get((1, 1), 0) <= places["end"] + 2 * places["pair"]


def _devices(parts: Mapping[str, Kind], units: Units) -> int:
    return sum(
        ceil(Fraction(count, parts[each].replicas)) if parts[each].sure else count
        for each, count in units.items()
    )


def _between(
    parts: Mapping[str, Kind],
    there: Units,
    held: Units,
    places: list[str],
    most: int,
    boards: list[tuple[int, int]],
) -> tuple[int, int]:
    if any(number > there[resource] for resource, number in held.items()):
        most = max(most, _devices(parts, held))
    seen = len(set(places))
    low = min(most, max(_fewest(parts, held, boards), seen))
    elsewhere = seen + sum(held.values()) - len(places)
    return low, max(low, elsewhere if elsewhere < most else most)


def _usable(
    parts: Mapping[str, Kind],
    offers: Mapping[str, tuple[int, int]],
    members: set[str],
    total: int,
    boards: list[tuple[int, int]],
) -> tuple[int, int]:
    out = {each: max(0, offers.get(each, (0, 0))[0] - offers.get(each, (0, 0))[1]) for each in members}
    if not any(out.values()):
        return total, total
    left = {each: offers.get(each, (0, 0))[1] for each in members}
    most = min(total, _devices(parts, left))
    return max(min(most, _fewest(parts, left, boards)), total - _devices(parts, out)), most


def _places(
    key: Key,
    resource: str,
    devices: Mapping[Key, Iterable[tuple[str, str]]],
    reported: Reported,
    *,
    alone: bool,
) -> list[str]:
    named: dict[str, str] = {}
    for name, device in devices.get(key, ()):
        gpu = _gpu(device, reported)
        if name == resource and gpu:
            named[device] = gpu
    more = [
        gpu
        for name, device, gpu in sorted(set(reported.pods.get(key, ())))
        if device not in named and (name == resource or (alone and not name))
    ]
    new = [gpu for gpu in more if gpu not in named.values()]
    old = [gpu for gpu in more if gpu in named.values()]
    return [*named.values(), *new, *old]


def _gpu(device: str, reported: Reported) -> str | None:
    return gpu_of(device) or reported.instances.get(device.split("::")[0])


def gpu_of(device: str) -> str | None:
    """Return the GPU that a device's id names by itself."""
    device = device.split("::")[0]
    if device.startswith("MIG-GPU-"):
        return device[len("MIG-") :].split("/")[0]
    card, _, number = device.partition("-")
    if (
        card.startswith("card")
        and _whole(card.removeprefix("card")) is not None
        and _whole(number) is not None
    ):
        return card
    return device if device.startswith("GPU-") else None


def _whole(text: str) -> int | None:
    return int(text) if text and len(text) <= 9 and set(text) <= set("0123456789") else None
