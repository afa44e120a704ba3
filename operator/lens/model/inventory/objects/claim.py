"""A ResourceClaim as the ledger stores it: what it asks for, the devices that it holds, and its pods."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from sys import intern
from typing import NamedTuple, TypeVar

import msgspec

from lens.model.inventory.objects.in_part import read_in_part
from lens.model.k8s import quantity, timestamps
from lens.model.k8s.bounds import (
    LONGEST_NAME,
    LONGEST_RESOURCE,
    MAX_ALTERNATIVES,
    MAX_CAPACITIES,
    MAX_CLAIM_DEVICES,
    MAX_CONDITIONS,
    MAX_CONSUMERS,
    few,
    short,
)
from lens.model.k8s.dra.devices import MAX_SHARED_BYTES
from lens.model.k8s.dra.entries import read_or_none
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.objects import (
    ClaimManifest,
    ClaimSpec,
    ConsumerReference,
    DeviceStatusManifest,
    ExactRequest,
    NodeSelector,
    RequestManifest,
    ResultManifest,
    only_node,
)
from lens.model.k8s.json_depth import flattened
from lens.model.k8s.objects import Condition, ObjectMeta
from lens.model.k8s.quantity import Quantity

T = TypeVar("T")


class PoolKey(NamedTuple):
    """The key of a pool: two drivers may use one pool name."""

    driver: str
    pool: str


class DeviceKey(NamedTuple):
    """The key of a device."""

    driver: str
    pool: str
    device: str


class Alternative(msgspec.Struct, frozen=True, gc=False):
    """So many devices of a class; a ``count`` of None is all of them.

    ``name`` is empty unless the request has several alternatives.
    """

    name: str
    device_class: str
    count: int | None


class ClaimRequest(msgspec.Struct, frozen=True, gc=False):
    """A request of a claim: the first of its ``alternatives`` that can be had.

    With ``admin_access`` it gets devices that others hold, and holds none.
    """

    name: str
    alternatives: tuple[Alternative, ...]
    admin_access: bool = False


class DeviceCondition(msgspec.Struct, frozen=True, gc=False):
    """A condition of an allocated device, as its driver writes it (KEP-4817)."""

    type: str
    status: str
    reason: str


class AllocatedDevice(msgspec.Struct, frozen=True, gc=False):
    """A device that a claim holds, or has with ``admin_access`` while others hold it.

    With a ``share_id`` only ``consumed`` is held, and the rest of the device can be allocated too.
    ``waits_for`` are the binding conditions that aren't true yet, and ``failed`` the binding failure
    conditions that are (KEP-5007).
    """

    driver: str
    pool: str
    device: str
    request: str
    share_id: str | None = None
    consumed: tuple[tuple[str, str], ...] = ()
    waits_for: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    conditions: tuple[DeviceCondition, ...] = ()
    admin_access: bool = False
    skips_node_operations: bool = False

    @property
    def key(self) -> DeviceKey:
        """Return the device's key."""
        return DeviceKey(self.driver, self.pool, self.device)


class Consumer(msgspec.Struct, frozen=True, gc=False):
    """Who a claim is reserved for; ``resource`` is ``pods``, or another one such as ``podgroups``."""

    resource: str
    name: str
    uid: str


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A ResourceClaim.

    ``results`` are all of its devices, ``devices`` what it holds of GPU drivers' devices, mostly the same.
    ``node`` is the only node where its devices can be used, None for any. ``allocated_at`` is in epoch
    seconds, None if unknown. ``problem`` says what of it can't be read. A ``terminating`` claim is being
    deleted: no further pod gets it. Two claims are equal if no figure, no list and no fit shows a difference.
    """

    namespace: str
    name: str
    requests: tuple[ClaimRequest, ...]
    allocated: bool = False
    allocated_at: int | None = None
    node: str | None = None
    results: tuple[AllocatedDevice, ...] = ()
    devices: tuple[AllocatedDevice, ...] = ()
    reserved_for: tuple[Consumer, ...] = ()
    problem: str | None = None
    terminating: bool = False

    @property
    def path(self) -> str:
        """Return ``namespace/name``."""
        return f"{self.namespace}/{self.name}"


_spec = msgspec.json.Decoder(ClaimSpec)
_selector = msgspec.json.Decoder(NodeSelector)
_quantity = msgspec.json.Decoder(Quantity)


def read_claim(manifest: ClaimManifest, drivers: GpuDrivers) -> Claim:
    """Return a claim. What is odd in it is left out, and ``problem`` says so."""
    meta, status = manifest.metadata, manifest.status
    problems: list[str] = []
    raw = bytes(manifest.spec)
    # The claims of one template ask for the same, and share the value.
    requests, problem = (_shared_requests if len(raw) <= MAX_SHARED_BYTES else _read_requests)(raw)
    if problem is not None:
        problems.append(problem)
    results: tuple[AllocatedDevice, ...] = ()
    allocated_at = node = None
    allocation = status.allocation
    if allocation is not None:
        if allocation.devices is not None and allocation.devices.results:
            results = _allocated(allocation.devices.results, status.devices, problems)
        if isinstance(allocation.allocation_timestamp, str):
            allocated_at = timestamps.parse(allocation.allocation_timestamp)
        if allocation.node_selector:
            node = only_node(allocation.node_selector) or _node(bytes(allocation.node_selector))
    return Claim(
        namespace=intern(meta.namespace or ""),
        name=meta.name,
        requests=requests,
        allocated=allocation is not None,
        allocated_at=allocated_at,
        node=node,
        results=results,
        devices=_held_gpus(results, drivers),
        reserved_for=_reserved_for(status.reserved_for, meta, problems) if status.reserved_for else (),
        problem=problems[0] if problems else None,
        terminating=meta.deletion_timestamp is not None,
    )


def _reserved_for(
    entries: list[ConsumerReference], meta: ObjectMeta, problems: list[str]
) -> tuple[Consumer, ...]:
    found: list[Consumer] = []
    for each in _first(entries, MAX_CONSUMERS, problems):
        uid = short(each.uid)
        for owner in meta.owner_references or ():
            if owner.uid == uid:
                # Nearly all claims are made for the pod that owns them: its uid is kept once.
                uid = owner.uid
        found.append(Consumer(intern(short(each.resource)), short(each.name, LONGEST_NAME), uid))
    return tuple(found)


def _first(entries: list[T], most: int, problems: list[str]) -> list[T]:
    """Return the first entries of a list; add to ``problems`` how many are over the bound."""
    if len(entries) <= most:
        return entries
    problems.append(f"{len(entries)} entries where {most} are the most")
    return entries[:most]


def _read_requests(raw: bytes) -> tuple[tuple[ClaimRequest, ...], str | None]:
    """Return the requests of a claim's spec, and what is wrong with one of them."""
    spec, problem = _read_spec(raw) if raw else (ClaimSpec(), "")
    problems = [problem] if problem else []
    requests = (spec.devices.requests if spec.devices is not None else None) or []
    read = tuple(map(_read_request, _first(requests, MAX_CLAIM_DEVICES, problems)))
    return read, problems[0] if problems else None


def _read_spec(raw: bytes) -> tuple[ClaimSpec, str]:
    """Decode a spec, of which no more is read than the requests. It may have any driver's parameters."""
    try:
        return _spec.decode(raw), ""
    except (ValueError, RecursionError):
        return read_in_part(ClaimSpec, flattened(raw))


_shared_requests = lru_cache(maxsize=1024)(_read_requests)


def _read_request(request: RequestManifest) -> ClaimRequest:
    exact = request.exactly or request
    alternatives = (
        tuple(_alternative(each.name, each) for each in few(request.first_available, MAX_ALTERNATIVES))
        if request.first_available
        else (_alternative("", exact),)
    )
    return ClaimRequest(intern(short(request.name)), alternatives, bool(exact.admin_access))


def _alternative(name: str, request: ExactRequest) -> Alternative:
    # The apiserver defaults the count to 1.
    count = None if request.allocation_mode == "All" else 1 if request.count is None else request.count
    if count is not None:
        count = max(0, min(count, MAX_CLAIM_DEVICES))
    return Alternative(intern(short(name)), intern(short(request.device_class_name, LONGEST_NAME)), count)


def _allocated(
    results: list[ResultManifest], statuses: list[DeviceStatusManifest] | None, problems: list[str]
) -> tuple[AllocatedDevice, ...]:
    conditions = _conditions(statuses, problems) if statuses else {}
    found: list[AllocatedDevice] = []
    for each in _first(results, MAX_CLAIM_DEVICES, problems):
        driver, pool, device = intern(each.driver), intern(each.pool), intern(each.device)
        if len(driver) > LONGEST_NAME or len(pool) > LONGEST_NAME or len(device) > LONGEST_NAME:
            problems.append("a device whose name is too long")
            continue
        of_shares = conditions.get(DeviceKey(driver, pool, device)) if conditions else None
        # A device's first entry decides for kube-scheduler, whatever its share (getAllocatedDeviceStatus).
        decisive = next(iter(of_shares.values())) if of_shares else ()
        own = of_shares.get(each.share_id, decisive) if of_shares else ()
        true = {one.type for one in decisive if one.status == "True"} if decisive else frozenset()
        found.append(
            AllocatedDevice(
                driver,
                pool,
                device,
                intern(short(each.request)),
                None if each.share_id is None else short(each.share_id),
                _consumed(each.consumed_capacity, problems) if each.consumed_capacity else (),
                few(name for name in map(_type, each.binding_conditions) if name not in true)
                if each.binding_conditions
                else (),
                # kube-scheduler reads these only where a device has to be bound (isClaimReadyForBinding).
                few(name for name in map(_type, each.binding_failure_conditions) if name in true)
                if each.binding_conditions and each.binding_failure_conditions and true
                else (),
                own,
                bool(each.admin_access),
                bool(each.skip_node_operations),
            )
        )
    return tuple(found)


def _held_gpus(results: tuple[AllocatedDevice, ...], drivers: GpuDrivers) -> tuple[AllocatedDevice, ...]:
    for each in results:
        if each.admin_access or each.driver not in drivers:
            return tuple([each for each in results if each.driver in drivers and not each.admin_access])
    return results


def _conditions(
    statuses: list[DeviceStatusManifest], problems: list[str]
) -> dict[DeviceKey, dict[str | None, tuple[DeviceCondition, ...]]]:
    """Return the conditions of each share of each device, in the order of the status."""
    found: dict[DeviceKey, dict[str | None, tuple[DeviceCondition, ...]]] = {}
    for each in _first(statuses, MAX_CLAIM_DEVICES, problems):
        key = DeviceKey(each.driver, each.pool, each.device)
        found.setdefault(key, {}).setdefault(each.share_id, _own_conditions(each.conditions or ()))
    return found


def _own_conditions(conditions: Iterable[Condition]) -> tuple[DeviceCondition, ...]:
    return few(
        (
            DeviceCondition(
                intern(_type(each.type)), intern(short(each.status)), intern(short(each.reason or ""))
            )
            for each in conditions
        ),
        MAX_CONDITIONS,
    )


def _type(text: str) -> str:
    """Return a condition's type, which resource/v1 bounds as a qualified name."""
    return short(text, LONGEST_RESOURCE)


def _consumed(amounts: Mapping[str, msgspec.Raw], problems: list[str]) -> tuple[tuple[str, str], ...]:
    """Return how much of each capacity is held, as quantities."""
    found: list[tuple[str, str]] = []
    for name, value in sorted(amounts.items()):
        try:
            amount = str(_quantity.decode(value))
            quantity.parse(amount)
        except (ValueError, RecursionError) as error:
            problems.append(short(f"consumedCapacity: {name}: {error}"))
        else:
            found.append((intern(short(name, LONGEST_RESOURCE)), amount))
    if len(found) > MAX_CAPACITIES:
        problems.append(f"consumedCapacity: {len(found)} entries where {MAX_CAPACITIES} are the most")
    return few(found, MAX_CAPACITIES)


def _read_node(selector: bytes) -> str | None:
    """Return the node that the scheduler's selector for devices of one node names."""
    terms = (read_or_none(_selector, selector) or NodeSelector()).node_selector_terms or ()
    if len(terms) != 1:
        return None
    for field in terms[0].match_fields or ():
        names = field.values or ()
        if field.key == "metadata.name" and field.operator == "In" and len(names) == 1:
            return intern(short(names[0], LONGEST_NAME))
    return None


_shared_node = lru_cache(maxsize=1024)(_read_node)


def _node(selector: bytes) -> str | None:
    return (_shared_node if len(selector) <= MAX_SHARED_BYTES else _read_node)(selector)
