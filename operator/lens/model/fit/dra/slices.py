"""ResourceSlices as the fit engine reads them: their devices, and the counters that these draw on.

What many devices have is shared: 40,000 devices differ in a name and an identity or two.
"""

from functools import cached_property, lru_cache

import msgspec

from lens.model.fit.dra.device_kinds import (
    CounterManifest,
    check_bound,
    name_of,
    read_counters,
    read_kind,
    shared_kind,
)
from lens.model.fit.dra.devices import NO_CHOICE, Consumption, Device, Kind, NodeChoice
from lens.model.fit.spec.node_selectors import NodeAffinityManifest, NodeSelectorManifest, read_node_selector
from lens.model.inventory.objects.claim import PoolKey
from lens.model.k8s.bounds import MAX_COUNTER_SETS, MAX_SLICE_DEVICES
from lens.model.k8s.dra.device_identities import Identities
from lens.model.k8s.dra.devices import MAX_SHARED_BYTES, DeviceFields
from lens.model.k8s.dra.slices import DeviceTemplate, ListTemplate, SliceManifest, SliceSpec
from lens.model.k8s.objects import Manifest
from lens.model.k8s.quantity import Quantity

KindAt = tuple[Kind, NodeChoice]
"""A kind of devices, and the nodes if each device has its own."""


class Slice(msgspec.Struct, frozen=True, weakref=True, dict=True):
    """A ResourceSlice. ``groups`` says whether it has compatibility groups, which keep its pool incomplete.

    Its devices are of the ``kinds``, which slices that are alike share, and have what is their ``own``.
    """

    name: str
    driver: str
    pool: str
    generation: int
    count: int
    nodes: NodeChoice
    per_device: bool
    kinds: tuple[KindAt, ...] = ()
    own: tuple[Identities, ...] = ()
    counter_sets: tuple[Consumption, ...] = ()
    groups: bool = False

    @property
    def key(self) -> PoolKey:
        """Return the pool's key."""
        return PoolKey(self.driver, self.pool)

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """The devices. Those of most slices are never needed, since others are of the same kinds."""
        return tuple(
            [
                Device(name, kind, uuid, parent_uuid, nodes)
                for (kind, nodes), (name, uuid, parent_uuid) in zip(self.kinds, self.own, strict=True)
            ]
        )


class _CounterSetManifest(Manifest):
    name: str = ""
    counters: dict[str, CounterManifest | Quantity] | None = None


_counter_sets = msgspec.json.Decoder(list[_CounterSetManifest] | None).decode
_selector = msgspec.json.Decoder(NodeSelectorManifest | None).decode
_flag = msgspec.json.Decoder(bool | None).decode
_conditions = msgspec.json.Decoder(list[str] | None).decode
_manifest = msgspec.json.Decoder(SliceManifest).decode


def read_slice(document: bytes) -> Slice:
    """Return a ResourceSlice. Raise ValueError, naming the field, for what can't be read."""
    try:
        return slice_of(_manifest(document))
    except RecursionError:
        raise ValueError("the slice is nested too deep") from None


def slice_of(manifest: SliceManifest) -> Slice:
    """Return a ResourceSlice. Raise ValueError or RecursionError for what can't be read."""
    spec = manifest.spec
    read = spec.read_devices
    counter_sets = (_counter_sets(spec.shared_counters) if spec.shared_counters else None) or []
    check_bound(read.number, MAX_SLICE_DEVICES, "spec.devices")
    check_bound(len(counter_sets), MAX_COUNTER_SETS, "spec.sharedCounters")
    # If the longest name isn't too long, none is.
    name_of(max([name for name, _, _ in read.own], key=len, default=""))
    kinds = (_shared_list if read.template.shared else _read_list)(read.template)
    return Slice(
        name=manifest.metadata.name,
        driver=name_of(spec.driver),
        pool=name_of(spec.pool.name),
        generation=spec.pool.generation,
        count=spec.pool.resource_slice_count,
        nodes=_nodes(spec),
        per_device=bool(spec.per_device_node_selection),
        kinds=kinds,
        own=read.own,
        counter_sets=tuple((name_of(each.name), read_counters(each.counters)) for each in counter_sets),
        groups=any([kind.groups for kind, _ in kinds]),  # noqa: C419
    )


def _read_list(template: ListTemplate) -> tuple[KindAt, ...]:
    return tuple([(_of_template if each.shared else _read_template)(each) for each in template.devices])


_shared_list = lru_cache(maxsize=256)(_read_list)


def _read_template(template: DeviceTemplate) -> KindAt:
    if template.problem is not None:
        raise ValueError(template.problem)
    fields = template.fields
    conditions = fields.binding_conditions
    raw = fields.of_kind
    kind = (shared_kind if sum(map(len, raw)) <= MAX_SHARED_BYTES else read_kind)(
        *raw,
        bool(fields.allow_multiple_allocations),
        bool(fields.binds_to_node and _flag(fields.binds_to_node)),
        bool(conditions) and _conditions(conditions) is not None,
    )
    return kind, _nodes(fields)


_of_template = lru_cache(maxsize=4096)(_read_template)


def _nodes(fields: SliceSpec | DeviceFields) -> NodeChoice:
    selector = _selector(fields.node_selector) if fields.node_selector else None
    all_nodes = bool(fields.all_nodes and _flag(fields.all_nodes))
    if not fields.node_name and not all_nodes and selector is None:
        return NO_CHOICE
    return _share_nodes(
        NodeChoice(
            name_of(fields.node_name or ""),
            all_nodes,
            None if selector is None else read_node_selector(None, NodeAffinityManifest(selector)),
        )
    )


@lru_cache(maxsize=1024)
def _share_nodes(nodes: NodeChoice) -> NodeChoice:
    return nodes
