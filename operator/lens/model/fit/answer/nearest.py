"""What would fit instead: the same question with one change, each asked of the engine."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from lens.model.fit.dra.objects import FitClass
from lens.model.fit.dra.state import Devices
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.claims import EXACT, SubRequest
from lens.model.fit.spec.containers import lessened
from lens.model.fit.spec.node_selectors import ANY_NODE
from lens.model.fit.spec.tolerations import Toleration
from lens.model.fit.state import Fleet

MAX_TAINTS = 4

MAX_DEVICE_KINDS = 8
"""Classes, and products of devices, that are tried for each request of a claim."""

PRODUCT_ATTRIBUTES = ("productName", "model")
"""The attributes of a device that name its product, the first that it has."""

Change = Literal["gpus", "replicas", "product", "device_class", "devices", "selector", "toleration"]

Fits = Callable[[AskedPod], bool]
"""Returns whether all replicas of a pod fit, and False once the time is over."""


class Alternative(msgspec.Struct, frozen=True):
    """What would fit: the question with one ``change``, whose new value is ``value``."""

    change: Change
    value: str
    gpus: int | None
    replicas: int


class _Place(NamedTuple):
    """A request of a pod's claim, by their places."""

    claim: int
    request: int


def alternatives(
    fleet: Fleet,
    asked: AskedPod,
    replicas: int,
    placed: int,
    is_gpu: Callable[[str], bool],
    products: Mapping[str, Callable[[AskedPod], AskedPod]],
    fits: Fits,
) -> Iterator[Alternative]:
    """Yield each alternative once that would fit, for a pod of which ``placed`` of ``replicas`` fit.

    A product may be named by nodes' labels and by devices, or by devices of two drivers.
    """
    devices = fleet.devices
    gpu = next((resource for resource, _ in asked.request if is_gpu(resource)), None)
    amount = dict(asked.request).get(gpu or "")

    def gpus(changed: AskedPod) -> int | None:
        of_claims = _claimed_gpus(changed, devices)
        own = dict(changed.request).get(gpu or "")
        return own if of_claims is None else of_claims + (own or 0)

    named: set[tuple[Change, str]] = set()

    def found(change: Change, value: str, changed: AskedPod) -> Alternative:
        named.add((change, value))
        return Alternative(change, value, gpus(changed), replicas)

    if placed and not asked.unchecked:
        yield Alternative("replicas", str(placed), gpus(asked), placed)
    if gpu is not None and amount is not None and amount > 1:
        fewer = _most(amount, lambda number: fits(_asking(asked, gpu, number)))
        if fewer:
            yield found("gpus", str(fewer), _asking(asked, gpu, fewer))
    places = list(_variable(asked, devices))
    for change, value, changed in _fewer_devices(asked, places, devices, fits, alone=gpu is None):
        yield found(change, value, changed)
    for product, select in products.items():
        if fits(select(asked)):
            yield found("product", product, asked)
    for change, value, changed in _other_devices(asked, places, devices):
        if (change, value) not in named and fits(changed):
            yield found(change, value, changed)
    if asked.selector != ANY_NODE and fits(msgspec.structs.replace(asked, selector=ANY_NODE)):
        yield found("selector", "none", asked)
    for toleration in _missing_tolerations(fleet, asked):
        tolerant = msgspec.structs.replace(asked, tolerations=(*asked.tolerations, toleration))
        if fits(tolerant):
            taint_value = f"={toleration.value}" if toleration.value else ""
            yield found("toleration", f"{toleration.key}{taint_value}:{toleration.effect}", asked)


def _most(below: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number from 1 below ``below`` that fits; 0 if 1 doesn't."""
    low, high = 0, below
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def _asking(asked: AskedPod, resource: str, amount: int) -> AskedPod:
    """Return a pod that requests less of a resource, in its containers too, since claims may serve them."""
    request = tuple((name, amount if name == resource else each) for name, each in asked.request)
    containers = lessened(asked.containers, resource, amount)
    return msgspec.structs.replace(asked, request=request, containers=containers)


def _missing_tolerations(fleet: Fleet, asked: AskedPod) -> list[Toleration]:
    """Return tolerations of the most frequent taints that keep the pod off nodes."""
    gates, of_nodes = fleet.gates
    frequency = Counter(of_nodes)
    missing: Counter[Toleration] = Counter()
    for number, gate in enumerate(gates):
        for taint in gate.taints:
            if not any(each.tolerates(taint) for each in asked.tolerations):
                missing[Toleration(taint.key, "Equal", taint.value or "", taint.effect)] += frequency[number]
    ordered = sorted(missing.items(), key=lambda item: (-item[1], item[0].key, item[0].value))
    return [toleration for toleration, _ in ordered[:MAX_TAINTS]]


# Claims

_Varied = tuple[Change, str, AskedPod]


def _variable(asked: AskedPod, devices: Devices) -> Iterator[_Place]:
    """Yield the requests for devices that can be changed: not those of existing claims."""
    for claim, each in enumerate(asked.claims):
        if each.spec is None or (each.claim and (asked.namespace, each.claim) in devices.claims):
            continue
        for number, request in enumerate(each.spec.requests):
            if not request.is_list and request.alternatives[0].refusal is None:
                yield _Place(claim, number)


def _fewer_devices(
    asked: AskedPod, places: list[_Place], devices: Devices, fits: Fits, *, alone: bool
) -> Iterator[_Varied]:
    """Yield fewer devices of each request. ``alone``: the pod requests no GPUs as a resource."""
    for place in places:
        wanted = _wanted(asked, place)
        if wanted.mode != EXACT or wanted.count < 2:
            continue

        def with_count(number: int, place: _Place = place) -> AskedPod:
            return _varied(asked, place, count=number)

        fewer = _most(wanted.count, lambda number, of=with_count: fits(of(number)))  # type: ignore[misc]
        if fewer:
            is_only = alone and len(places) == 1 and _is_of_gpus(devices.classes, wanted)
            value = str(fewer) if is_only else f"{_title(asked, place)}={fewer}"
            yield "gpus" if is_only else "devices", value, with_count(fewer)


def _other_devices(asked: AskedPod, places: list[_Place], devices: Devices) -> Iterator[_Varied]:
    """Yield other classes of GPUs, and other products in place of a request's own selectors."""
    for place in places:
        wanted = _wanted(asked, place)
        if not _is_of_gpus(devices.classes, wanted):
            continue
        prefix = "" if len(places) == 1 else f"{_title(asked, place)}="
        others = sorted(name for name, each in devices.classes.items() if each.gpus)
        for name in [each for each in others if each != wanted.device_class][:MAX_DEVICE_KINDS]:
            yield "device_class", prefix + name, _varied(asked, place, device_class=name)
        for product, expressions in _products(devices) if wanted.selectors else ():
            for expression in expressions:
                yield "product", prefix + product, _varied(asked, place, selectors=(expression,))


def _products(devices: Devices) -> Iterable[tuple[str, list[str]]]:
    """Return the most frequent products, by the first device of each slice, with their selectors."""
    found: Counter[tuple[str, str, str]] = Counter()
    for slices in devices.of_pools.values():
        for each in slices:
            named = {one.name: one.value for one in each.kinds[0][0].attributes} if each.kinds else {}
            for attribute in PRODUCT_ATTRIBUTES:
                value = named.get(attribute) or named.get(f"{each.driver}/{attribute}")
                if isinstance(value, str):
                    found[value, each.driver, attribute] += len(each.kinds)
                    break
    by_product: dict[str, list[str]] = {}
    for (product, driver, attribute), _ in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        of_driver = f"device.attributes[{json.dumps(driver)}]"
        by_product.setdefault(product, []).append(
            f'device.driver == {json.dumps(driver)} && "{attribute}" in {of_driver} && '
            f"{of_driver}.{attribute} == {json.dumps(product)}"
        )
    return list(by_product.items())[:MAX_DEVICE_KINDS]


def _claimed_gpus(asked: AskedPod, devices: Devices) -> int | None:
    """Return how many GPUs a pod's claims request; None for claims without GPUs, and for all that match."""
    number = 0
    for claim in asked.claims:
        stored = devices.claims.get((asked.namespace, claim.claim))
        spec = claim.spec if stored is None else stored.spec
        for request in () if spec is None else spec.requests:
            wanted = request.alternatives[0]
            if not _is_of_gpus(devices.classes, wanted):
                continue
            if request.is_list or wanted.mode != EXACT:
                return None
            number += wanted.count
    return number or None


def _is_of_gpus(classes: Mapping[str, FitClass], wanted: SubRequest) -> bool:
    """Return whether devices of a class are GPUs; they may be if it doesn't exist."""
    known = classes.get(wanted.device_class)
    return known is None or known.gpus


def _wanted(asked: AskedPod, place: _Place) -> SubRequest:
    spec = asked.claims[place.claim].spec
    assert spec is not None
    return spec.requests[place.request].alternatives[0]


def _title(asked: AskedPod, place: _Place) -> str:
    claim = asked.claims[place.claim]
    assert claim.spec is not None
    return f"{claim.name}/{claim.spec.requests[place.request].name}"


def _varied(asked: AskedPod, place: _Place, **changes: Any) -> AskedPod:
    """Return a pod with one request of its claims changed."""
    claims = list(asked.claims)
    claim = claims[place.claim]
    assert claim.spec is not None
    requests = list(claim.spec.requests)
    request = requests[place.request]
    changed = msgspec.structs.replace(_wanted(asked, place), **changes)
    requests[place.request] = msgspec.structs.replace(request, alternatives=(changed,))
    spec = msgspec.structs.replace(claim.spec, requests=tuple(requests))
    claims[place.claim] = msgspec.structs.replace(claim, spec=spec)
    return msgspec.structs.replace(asked, claims=tuple(claims))
