"""A ResourceSlice as the apiserver writes it, in every version of the API.

Its devices are read as what they have in common with others, and what each has of its own.
"""

from functools import cached_property, lru_cache
from sys import intern

import msgspec

from lens.model.k8s.bounds import MAX_SLICE_DEVICES, short
from lens.model.k8s.dra.device_identities import (
    DEVICE_START,
    NAME_PLACEHOLDER,
    NO_IDENTITIES,
    Identities,
    fill,
    without_identities,
)
from lens.model.k8s.dra.devices import MAX_SHARED_BYTES, DeviceFields, DeviceManifest, Int64
from lens.model.k8s.dra.entries import read_list
from lens.model.k8s.objects import Manifest, ObjectMeta

MAX_SHARED_LIST_BYTES = 16 * 1024
"""Bytes of a list of devices that are kept to be compared."""

_device = msgspec.json.Decoder(DeviceManifest)


class DeviceTemplate:
    """A device with placeholders for its name and identities: devices that differ in these alone share it.

    There is one object for them, unless it is too large to be ``shared``. ``problem`` says why they can't be
    decoded.
    """

    __slots__ = ("fields", "name", "problem", "shared")

    def __init__(self, raw: bytes) -> None:
        """Decode a device."""
        self.problem: str | None = None
        try:
            manifest = _device.decode(raw)
        except (ValueError, RecursionError) as error:
            manifest, self.problem = DeviceManifest(), short(str(error))
        self.name = manifest.name
        self.fields: DeviceFields = manifest.basic or manifest
        self.shared = len(raw) <= MAX_SHARED_BYTES


_shared_template = lru_cache(maxsize=4096)(DeviceTemplate)


def _template(raw: bytes) -> DeviceTemplate:
    return (_shared_template if len(raw) <= MAX_SHARED_BYTES else DeviceTemplate)(raw)


class ListTemplate:
    """The templates of a list of devices. There is one object for lists that are alike, if ``shared``."""

    __slots__ = ("devices", "shared")

    def __init__(self, devices: tuple[DeviceTemplate, ...], *, shared: bool) -> None:
        """Take the templates."""
        self.devices = devices
        self.shared = shared


class ReadDevices(msgspec.Struct, frozen=True, gc=False):
    """The first MAX_SLICE_DEVICES of a slice's devices, of any version; it lists ``number`` of them.

    ``own`` has the name and the identities of each.
    """

    template: ListTemplate
    own: tuple[Identities, ...]
    number: int


def _read_devices(devices: msgspec.Raw) -> ReadDevices:
    """Return devices. Raise ValueError or RecursionError if they are no list."""
    raw = bytes(devices)
    if len(raw) <= MAX_SHARED_LIST_BYTES:
        common, own = without_identities(raw)
        template = _shared_list(common) if own else None
        if template is not None and len(template.devices) == len(own):
            return ReadDevices(template, own, len(own))
    entries = read_list(devices)
    read = [_read_device(bytes(entry)) for entry in entries[:MAX_SLICE_DEVICES]]
    templates = ListTemplate(tuple([template for template, _ in read]), shared=False)
    return ReadDevices(templates, tuple([own for _, own in read]), len(entries))


def _read_list(common: bytes) -> ListTemplate | None:
    """Return the templates of a list of devices; None if one begins otherwise, or there are too many."""
    try:
        entries = [bytes(entry) for entry in read_list(msgspec.Raw(common))]
    except (ValueError, RecursionError):
        return None
    if len(entries) > MAX_SLICE_DEVICES or not all(entry.startswith(DEVICE_START) for entry in entries):
        return None
    templates = tuple(map(_template, entries))
    # Of two names of one device the last one counts.
    return (
        ListTemplate(templates, shared=True)
        if all(each.name == NAME_PLACEHOLDER for each in templates)
        else None
    )


_shared_list = lru_cache(maxsize=256)(_read_list)


def _read_device(raw: bytes) -> tuple[DeviceTemplate, Identities]:
    common, found = without_identities(raw)
    if len(found) != 1 or not common.startswith(DEVICE_START):
        common, found = raw, (NO_IDENTITIES,)
    template = _template(common)
    _, uuid, parent_uuid = found[0]
    return template, (intern(fill(template.name, found[0])), uuid, parent_uuid)


class PoolManifest(Manifest):
    """A ResourceSlice's ``spec.pool``."""

    name: str
    generation: Int64 = 0
    resource_slice_count: Int64 = 0


class SliceSpec(Manifest, dict=True, gc=True):
    """A ResourceSlice's ``spec``."""

    driver: str
    pool: PoolManifest
    node_name: str | None = None
    per_device_node_selection: bool | None = None
    devices: msgspec.Raw = msgspec.Raw()
    shared_counters: msgspec.Raw = msgspec.Raw()
    # Only the fit engine reads these.
    node_selector: msgspec.Raw = msgspec.Raw()
    all_nodes: msgspec.Raw = msgspec.Raw()

    @cached_property
    def read_devices(self) -> ReadDevices:
        """The devices. Raise ValueError or RecursionError if they are no list."""
        return _read_devices(self.devices)


class SliceManifest(Manifest):
    """A ResourceSlice."""

    metadata: ObjectMeta
    spec: SliceSpec
