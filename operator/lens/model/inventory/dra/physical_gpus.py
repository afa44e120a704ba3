"""The physical GPUs of the devices that one generation of a pool lists. Several devices may be of one GPU:

| a device | is of the GPU |
| --- | --- |
| that draws on counter sets | of these sets (KEP-4815: by convention one set for each GPU) |
| with ``parentUUID`` | with that uuid |
| with the uuid, or on its node the PCI address, of another one | of that one |
| else | by itself |
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from operator import attrgetter

from lens.model.inventory.objects.device import NO_NODE, Counters, Device, Place
from lens.model.inventory.objects.gpu import Gpu, GpuOfDevices
from lens.model.inventory.objects.slice import Slice

# No node has these names: ``identities`` qualifies PCI addresses by their node.
COUNTERS = "/counters"
_UUID = "/uuid"


def contents(slices: Iterable[Slice]) -> tuple[dict[str, Device], dict[str, Counters]]:
    """Return the devices and the counter sets of a generation by name; of two with one name the first."""
    devices: dict[str, Device] = {}
    counter_sets: dict[str, Counters] = {}
    for each in slices:
        for counter_set in each.counter_sets:
            counter_sets.setdefault(counter_set.name, counter_set.counters)
        for device in each.devices:
            devices.setdefault(device.name, device)
    return devices, counter_sets


def physical_gpus(devices: Collection[Device], counter_sets: Mapping[str, Counters]) -> Iterator[Gpu]:
    """Yield the physical GPUs, in the order of their first devices."""
    if are_apart(devices):
        for device in sorted(devices, key=device_name):
            yield gpu_of_devices(device.name, (device,), None)
        return
    groups: dict[tuple[str, str], list[Device]] = {}
    known: dict[tuple[str, str], tuple[str, str]] = {}
    # First devices that name their GPU, then whole GPUs, then parts.
    for device in sorted(devices, key=lambda each: (not each.consumes, each.parent_uuid is not None)):
        own = identities(device)
        names = list(dict.fromkeys((COUNTERS, each.counter_set) for each in device.consumes))
        if not names:
            same = list(dict.fromkeys(known[each] for each in own if each in known))
            same.sort(key=lambda each: each[0] != COUNTERS)
            names = same[:1] or [("device", device.name)]
            for other in same[1:]:
                # This device joins others to one GPU: a counter set's if one of them has one. Two sets stay
                # apart.
                if other[0] == "device":
                    groups[names[0]] += groups.pop(other)
                    known = {each: names[0] if name == other else name for each, name in known.items()}
        for name in names:
            groups.setdefault(name, []).append(device)
            for identity in own:
                known.setdefault(identity, name)
    for (kind, title), members in sorted(groups.items(), key=lambda each: each[1][0].name):
        yield gpu_of_devices(title, tuple(members), counter_sets.get(title, ()) if kind == COUNTERS else None)


device_name = attrgetter("name")


def are_apart(devices: Iterable[Device]) -> bool:
    """Return whether no two devices have an identity in common. That is so on most nodes."""
    seen: set[object] = set()
    number = 0
    for device in devices:
        # The same as ``identities``, inlined for 40,000 devices.
        kind, identity = device.kind, device.parent_uuid
        if kind.consumes:
            return False
        if identity is None and not kind.is_part:
            identity = device.uuid
        if identity is not None:
            seen.add(identity)
            number += 1
        if kind.pci_bus_id is not None and device.place.node != NO_NODE:
            seen.add((device.place.node, kind.pci_bus_id))
            number += 1
    return len(seen) == number


def identities(device: Device) -> list[tuple[str, str]]:
    """Return the identities of a device's GPU. A PCI address is one only within its node."""
    found = []
    if device.parent_uuid is not None:
        found.append((_UUID, device.parent_uuid))
    elif device.uuid is not None and not device.is_part:
        found.append((_UUID, device.uuid))
    if device.pci_bus_id is not None and device.node != NO_NODE:
        found.append((device.node, device.pci_bus_id))
    return found


def gpu_of_devices(name: str, devices: tuple[Device, ...], counters: Counters | None) -> Gpu:
    """Return the GPU of these devices: a single device that is a whole GPU is the GPU itself."""
    first = devices[0]
    if len(devices) == 1 and counters is None and name == first.name and not first.is_part:
        return first
    # Whole GPUs first: their attributes are the GPU's.
    ordered = sorted(devices, key=lambda each: each.is_part)
    place = first.place
    if any(device.node != place.node for device in devices):
        place = Place(place.driver, place.pool, NO_NODE)
    uuids = (device.parent_uuid if device.is_part else device.uuid for device in ordered)
    return GpuOfDevices(
        place,
        name,
        devices,
        counters,
        product=next((each.product for each in ordered if each.product is not None), None),
        uuid=next((uuid for uuid in uuids if uuid is not None), None),
        pci_bus_id=next((each.pci_bus_id for each in ordered if each.pci_bus_id is not None), None),
        memory_bytes=max(
            (each.memory_bytes for each in devices if each.memory_bytes and not each.is_part), default=None
        ),
    )
