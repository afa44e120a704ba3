"""The input of an allocation, its result, and its errors."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lens.model.fit.dra.devices import Device, Kind
from lens.model.fit.dra.holding import Held, Holding
from lens.model.fit.dra.objects import FitClass, FitTaintRule
from lens.model.fit.dra.slices import Slice
from lens.model.fit.spec.claims import ClaimSpec
from lens.model.inventory.objects.claim import DeviceKey, PoolKey
from lens.model.k8s.quantity import Exact

MAX_RESULTS = 32
"""Devices of a claim (AllocationResultsMaxSize)."""


class AllocationError(Exception):
    """A claim or a class is invalid: kube-scheduler rejects the pod, whatever other nodes have."""


class NodeError(Exception):
    """A node's pools are invalid."""


class SearchError(Exception):
    """The search is too long: whether there is a solution stays unknown."""


class ContradictionError(Exception):
    """A solution depends on chance, since slices of a pool contradict each other.

    It is fatal if kube-scheduler may reject the pod for it, whatever other nodes have.
    """

    def __init__(self, *, fatal: bool) -> None:
        """Take whether it is fatal."""
        super().__init__()
        self.fatal = fatal


class Named(NamedTuple):
    """A claim to allocate, with its name in messages."""

    name: str
    spec: ClaimSpec


class Result(NamedTuple):
    """A device that a request gets: all of it, or a share that has ``consumed``. ``admin`` holds nothing."""

    request: str
    key: DeviceKey
    device: Device
    slice: Slice
    consumed: Mapping[str, Exact] | None
    admin: bool

    def held(self) -> Held | None:
        """Return the device, or the share of it, that it holds."""
        if self.admin:
            return None
        return Held(PoolKey(self.key.driver, self.key.pool), self.key.device, self.consumed)


Results = list[list[Result]]


class Offer(NamedTuple):
    """The classes, rules and held devices of an allocation, the same for all nodes."""

    classes: Mapping[str, FitClass]
    rules: Sequence[FitTaintRule]
    holding: Holding
    verdicts: dict[tuple[Kind, str, str, tuple[str, ...]], bool]
    """Which kinds of devices, by their driver, match a class and selectors that read no identity."""
