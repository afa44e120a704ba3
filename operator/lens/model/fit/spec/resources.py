"""What pods request and what nodes have to give of every resource, in the scheduler's whole numbers.

CPU is counted in thousandths, all else in ones. Sums are exact and are rounded up once for each pod and node.
Source: ``Resource.Add`` in pkg/scheduler/framework/types.go, ``IsScalarResourceName`` in pkg/scheduler/util.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from math import ceil
from sys import intern

from lens.model.k8s.bounds import LONGEST_RESOURCE, MAX_FIT_RESOURCES
from lens.model.k8s.gpu_resources import CLASS_PREFIX
from lens.model.k8s.objects import PodManifest
from lens.model.k8s.pod_requests import pod_request
from lens.model.k8s.quantity import Exact, Quantity, is_zero, parse

Request = tuple[tuple[str, int], ...]
"""How much of each resource a pod requests: none are 0, sorted by resource."""

CPU = "cpu"
PODS = "pods"

_NATIVE = frozenset({CPU, "memory", "ephemeral-storage"})
_QUALIFIED = re.compile(
    r"requests\.(?=.{1,244}/)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
    r"/(?=.{1,63}$)([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
    re.ASCII,
)


_MAX_SHARED = 8
"""Resources of one container whose amounts are kept for others with the same."""


@lru_cache(maxsize=4096)
def is_scheduled(resource: str) -> bool:
    """Return whether the scheduler counts a resource."""
    if resource in _NATIVE or resource.startswith(("hugepages-", "attachable-volumes-")):
        return True
    if "kubernetes.io/" in resource:
        return True
    if "/" not in resource or resource.startswith("requests."):
        return False
    return _QUALIFIED.fullmatch(f"requests.{resource}") is not None


def is_extended(resource: str) -> bool:
    """Return whether device plugins or DeviceClasses offer a resource: in whole units, not shared."""
    if len(resource) > LONGEST_RESOURCE or "/" not in resource:
        return False
    if resource.startswith(CLASS_PREFIX):
        return True
    return "kubernetes.io/" not in resource and is_scheduled(resource)


def is_for_containers(resource: str) -> bool:
    """Return whether a container may ask for a resource."""
    native = resource in _NATIVE or resource.startswith("hugepages-")
    return native or "kubernetes.io/" in resource or is_extended(resource)


def read_request(pod: PodManifest) -> Request:
    """Return what a pod holds or would hold of its node.

    Raise ValueError, naming the resource, when a quantity can't be read.
    """
    whole = [
        (name, _whole(name, amount)) for name, amount in pod_request(pod, _thousandths).items() if amount
    ]
    if len(whole) > MAX_FIT_RESOURCES:
        raise ValueError(f"{len(whole)} resources are more than a pod may ask for")
    return share_request(tuple(sorted((intern(name), amount) for name, amount in whole)))


@lru_cache(maxsize=16384)
def share_request(request: Request) -> Request:
    """Return one object for all equal requests. Most pods request the same as others."""
    return request


def read_allocatable(quantities: Mapping[str, Quantity] | None) -> dict[str, int]:
    """Return what a node has of each resource that the scheduler counts, and of ``pods``.

    Raise ValueError, naming the resource, when a quantity can't be read.
    """
    return {intern(name): _whole(name, amount) for name, amount in _read(quantities, PODS).items()}


def _thousandths(quantities: Mapping[str, Quantity] | None) -> Mapping[str, Exact]:
    """Return the quantities of a container that the scheduler counts. Most containers have equal ones."""
    if not quantities:
        return {}
    if len(quantities) > _MAX_SHARED or max(map(len, quantities)) > LONGEST_RESOURCE:
        return _read(quantities)
    return _read_shared(tuple(quantities.items()))


@lru_cache(maxsize=4096)
def _read_shared(quantities: tuple[tuple[str, Quantity], ...]) -> Mapping[str, Exact]:
    return _read(dict(quantities))


def _read(quantities: Mapping[str, Quantity] | None, also: str = "") -> dict[str, Exact]:
    found: dict[str, Exact] = {}
    number = 0
    for name, quantity in (quantities or {}).items():
        if len(found) >= MAX_FIT_RESOURCES and name not in _NATIVE and is_zero(quantity):
            continue  # A pod may ask for 0 of many; only of what is native its limit may be another.
        if len(name) <= LONGEST_RESOURCE and (is_scheduled(name) or name == also):
            try:
                found[name] = amount = _parsed(quantity)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            number += amount > 0
            if number > MAX_FIT_RESOURCES:
                raise ValueError(f"more than {MAX_FIT_RESOURCES} resources")
    return found


@lru_cache(maxsize=8192)
def _parsed(quantity: Quantity) -> Exact:
    """Return a quantity in thousandths."""
    value = parse(quantity) * 1000
    if value < 0:
        raise ValueError(f"{quantity!r:.80} is below 0")
    return value.numerator if value.denominator == 1 else value


def _whole(name: str, thousandths: Exact) -> int:
    return ceil(thousandths) if name == CPU else -(-ceil(thousandths) // 1000)
