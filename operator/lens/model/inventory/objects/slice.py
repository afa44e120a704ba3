"""A ResourceSlice as the ledger stores it: a part of a pool's devices, and the counters that they draw on."""

from functools import lru_cache
from itertools import repeat
from sys import intern
from typing import NamedTuple

import msgspec

from lens.model.gpu.identities import are_uuids, identity
from lens.model.inventory.objects.claim import PoolKey
from lens.model.inventory.objects.device import NO_NODE, UNKNOWN_KIND, CounterSet, Device, Kind, Place
from lens.model.inventory.objects.device_kind import device_name, read_counters, read_kind, shared_kind
from lens.model.k8s.bounds import LONGEST_NAME, MAX_COUNTER_SETS, MAX_SLICE_DEVICES, short
from lens.model.k8s.dra.device_identities import UUID_PLACEHOLDER, fill
from lens.model.k8s.dra.devices import MAX_SHARED_BYTES, CounterSetManifest
from lens.model.k8s.dra.entries import read_list
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.slices import DeviceTemplate, ListTemplate, SliceManifest, SliceSpec


class Slice(msgspec.Struct, frozen=True, weakref=True):
    """A ResourceSlice of a GPU driver.

    Its pool has ``slice_count`` slices of the same ``generation``. ``problem`` says what of it can't be read.
    Two slices are equal if no figure and no list shows a difference.
    """

    name: str
    driver: str
    pool: str
    generation: int
    slice_count: int
    node: str
    devices: tuple[Device, ...] = ()
    counter_sets: tuple[CounterSet, ...] = ()
    problem: str | None = None

    @property
    def key(self) -> PoolKey:
        """Return the pool's key."""
        return PoolKey(self.driver, self.pool)


_counter_set = msgspec.json.Decoder(CounterSetManifest)


def read_slice(manifest: SliceManifest, drivers: GpuDrivers, known: Slice | None = None) -> Slice | None:
    """Return a slice, or None for one of a driver without GPUs. What is odd in it is left out.

    It shares with ``known``, which it was before, the devices that are what they were: a driver that
    publishes its pool again writes all of them again.
    Raise a ValueError if it names no driver or no pool.
    """
    spec = manifest.spec
    if spec.driver not in drivers:
        return None
    if max(len(spec.driver), len(spec.pool.name), len(spec.node_name or "")) > LONGEST_NAME:
        raise ValueError("a driver, pool or node whose name is too long")
    driver, pool = intern(spec.driver), intern(spec.pool.name)
    node = intern(spec.node_name or NO_NODE)
    problems: list[str] = []
    counter_sets: list[CounterSet] = []
    devices = _devices(spec, Place(driver, pool, node), problems)
    for raw in _entries(spec.shared_counters, MAX_COUNTER_SETS, problems):
        try:
            each = _counter_set.decode(raw)
            counter_sets.append(CounterSet(device_name(each.name), read_counters(each.counters)))
        except (ValueError, RecursionError) as error:
            problems.append(short(str(error)))
    return Slice(
        name=manifest.metadata.name,
        driver=driver,
        pool=pool,
        generation=spec.pool.generation,
        slice_count=spec.pool.resource_slice_count,
        node=node,
        devices=devices if known is None else _shared(devices, known.devices),
        counter_sets=tuple(counter_sets),
        problem=problems[0] if problems else None,
    )


def _devices(spec: SliceSpec, place: Place, problems: list[str]) -> tuple[Device, ...]:
    """Return the devices of a slice, and add to ``problems`` what is wrong with others."""
    try:
        read = spec.read_devices
    except (ValueError, RecursionError) as error:
        problems.append(short(str(error)))
        return ()
    if read.number > MAX_SLICE_DEVICES:
        problems.append(f"{read.number} entries where {MAX_SLICE_DEVICES} are the most")
    own_places = bool(spec.per_device_node_selection)
    alike = _kinds_of_gpus(read.template, place.driver) if read.template.shared and not own_places else None
    if alike:
        # Nearly all slices. The names in lists that are alike are as long as the first list's.
        names, uuids, _ = zip(*read.own, strict=True)
        if all(names) and are_uuids(uuids):
            return tuple(map(Device, repeat(place), names, alike, uuids))
    kinds = (_shared_list if read.template.shared else _read_list)(read.template, place.driver)
    devices: list[Device] = []
    for each, own in zip(kinds, read.own, strict=True):
        if each.problem is not None:
            problems.append(each.problem)
            continue
        try:
            devices.append(
                Device(
                    Place(place.driver, place.pool, device_name(each.node) if each.node else NO_NODE)
                    if own_places
                    else place,
                    device_name(own[0]),
                    each.kind,
                    each.uuid and identity(fill(each.uuid, own)),
                    each.parent_uuid and identity(fill(each.parent_uuid, own)),
                )
            )
        except ValueError as error:
            problems.append(short(str(error)))
    return tuple(devices)


def _entries(raw: msgspec.Raw, most: int, problems: list[str]) -> list[msgspec.Raw]:
    try:
        entries = read_list(raw)
    except (ValueError, RecursionError) as error:
        problems.append(short(str(error)))
        return []
    if len(entries) > most:
        problems.append(f"{len(entries)} entries where {most} are the most")
    return entries[:most]


def _shared(devices: tuple[Device, ...], known: tuple[Device, ...]) -> tuple[Device, ...]:
    if devices == known:
        return known
    if len(devices) != len(known):
        return devices
    return tuple([then if now == then else now for now, then in zip(devices, known, strict=True)])


class _ReadKind(NamedTuple):
    """A template's values, with placeholders. ``node`` counts if each device has its own."""

    kind: Kind
    uuid: str | None = None
    parent_uuid: str | None = None
    node: str | None = None
    problem: str | None = None


def _read_list(template: ListTemplate, driver: str) -> list[_ReadKind]:
    return [(_of_template if each.shared else _read_template)(each, driver) for each in template.devices]


_shared_list = lru_cache(maxsize=256)(_read_list)


@lru_cache(maxsize=256)
def _kinds_of_gpus(template: ListTemplate, driver: str) -> tuple[Kind, ...]:
    """Return the kinds of devices that have nothing of their own but a name and a uuid; of others nothing."""
    read = _shared_list(template, driver)
    if all(
        each.problem is None and each.uuid == UUID_PLACEHOLDER and each.parent_uuid is None for each in read
    ):
        return tuple([each.kind for each in read])
    return ()


def _read_template(template: DeviceTemplate, driver: str) -> _ReadKind:
    if template.problem is not None:
        return _ReadKind(UNKNOWN_KIND, problem=template.problem)
    fields = template.fields
    raw = fields.of_kind
    read = shared_kind if sum(map(len, raw)) <= MAX_SHARED_BYTES else read_kind
    try:
        found = read(*raw, bool(fields.allow_multiple_allocations), driver)
    except (ValueError, RecursionError) as error:
        return _ReadKind(UNKNOWN_KIND, problem=short(str(error)))
    return _ReadKind(*found, fields.node_name)


_of_template = lru_cache(maxsize=4096)(_read_template)
