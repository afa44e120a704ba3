"""Which extended resources are GPUs."""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import translate
from functools import lru_cache

from lens.model.k8s.bounds import LONGEST_RESOURCE, MAX_RESOURCES
from lens.model.k8s.quantity import Exact, Quantity, device_count, is_zero
from lens.model.k8s.vendors import GPU_RESOURCES

CLASS_PREFIX = "deviceclass.resource.kubernetes.io/"
"""Begins the implicit extended resource of each DeviceClass (resource/v1, ResourceDeviceClassPrefix)."""

Units = tuple[tuple[str, int], ...]
"""How many whole units of each GPU resource, sorted by resource."""


class GpuResources:
    """Decide which resource names are GPUs.

    Those of DeviceClasses may be: which classes are of GPUs is in the classes.
    """

    def __init__(self, patterns: Iterable[str] = GPU_RESOURCES) -> None:
        """Take patterns as ``Vendor.resources`` has them."""
        patterns = tuple(patterns)
        included = [pattern for pattern in patterns if not pattern.startswith("!")]
        included.append(f"{CLASS_PREFIX}*")
        excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]

        is_included, is_excluded = _any_of(included), _any_of(excluded)

        # Tenants choose resource names, so the cache is bounded.
        @lru_cache(maxsize=4096)
        def matches(name: str) -> bool:
            return is_included(name) is not None and is_excluded(name) is None

        self._matches = matches

    def units(self, quantities: Mapping[str, Quantity] | None) -> dict[str, Exact]:
        """Return what ``quantities`` has of GPUs.

        Raise ValueError, naming the resource, for a bad one, and for more of them than any node has. Those of
        which there are 0 don't count for that, since a pod that asks for 0 of many is scheduled: the first
        are kept.
        """
        if not quantities:
            return {}
        found: dict[str, Exact] = {}
        number = 0
        for name, quantity in quantities.items():
            if len(found) >= MAX_RESOURCES and is_zero(quantity):
                continue
            if len(name) <= LONGEST_RESOURCE and self._matches(name):
                try:
                    found[name] = units = device_count(quantity)
                except ValueError as error:
                    raise ValueError(f"{name}: {error}") from None
                number += units > 0
                if number > MAX_RESOURCES:
                    # One object may name tens of thousands.
                    raise ValueError(f"more than {MAX_RESOURCES} GPU resources, which no node has")
        return found


def _any_of(patterns: Iterable[str]) -> Callable[[str], re.Match[str] | None]:
    """Return what matches a name with any of the patterns; one after the other takes ten times as long."""
    return re.compile("|".join(map(translate, patterns)) or r"(?!)").match
