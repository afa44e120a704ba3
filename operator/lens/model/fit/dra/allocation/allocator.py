"""Searches for devices for claims on one node, in kube-scheduler's order. It returns the first full solution.

Source: k8s.io/dynamic-resource-allocation v0.37, structured/internal/incubating, allocator_incubating.go.
It tries devices pool by pool, slice by slice, and for each request all combinations. Unlike there, a
combination is abandoned as soon as fewer devices are left than are needed. The search is bounded;
kube-scheduler's ends after 10 s.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.dra.allocation.allocating import AllocatingDevices
from lens.model.fit.dra.allocation.requests import RequestData, Requests
from lens.model.fit.dra.allocation.results import (
    MAX_RESULTS,
    AllocationError,
    ContradictionError,
    Named,
    NodeError,
    Offer,
    Results,
    SearchError,
)
from lens.model.fit.dra.capacity import CapacityError
from lens.model.fit.dra.pools import Pool
from lens.model.fit.spec.claims import ALL
from lens.model.inventory.objects.claim import DeviceKey

MAX_STEPS = 20_000
"""Devices that are tried on one node."""

MAX_DEPTH = 400
"""Devices and requests of all claims of a pod."""

_CHECK_EVERY = 256


class _TooManyError(Exception):
    """A claim gets more devices than it may; another alternative may need fewer."""


class _Step(NamedTuple):
    claim: int
    request: int = 0
    alternative: int = 0
    device: int = 0


class Allocator:
    """Searches for devices on one node."""

    def __init__(
        self,
        node: str,
        labels: Mapping[str, str],
        pools: Sequence[Pool],
        offer: Offer,
        check_time: Check = no_deadline,
    ) -> None:
        """Take the node with its pools, and what claims are allocated of."""
        self._pools = pools
        self._offer = offer
        self._check_time = check_time
        self._requests = Requests(node, labels, pools, offer)
        self._claims: Sequence[Named] = ()
        self._data: dict[tuple[int, int, int], RequestData] = {}
        self._allocating = AllocatingDevices((), offer)
        self._steps = 0

    def allocate(self, claims: Sequence[Named]) -> Results | None:
        """Return the devices of each claim; None if there is no solution.

        Raise AllocationError, NodeError, SearchError, ContradictionError, UnsupportedError, or what
        ``check_time`` raises.
        """
        self._claims = claims
        self._allocating = AllocatingDevices(claims, self._offer)
        depth = 0
        for index, claim in enumerate(claims):
            least = 0
            for number, request in enumerate(claim.spec.requests):
                prepared = [self._requests.prepare(claim, request, asked) for asked in request.alternatives]
                for alternative, data in enumerate(prepared):
                    self._data[index, number, alternative] = data
                fewest = min(data.number for data in prepared)
                if fewest > MAX_RESULTS - least:
                    raise AllocationError(
                        f"claim {claim.name}, request {request.name}: adding {fewest} devices exceeds the "
                        f"claim limit of {MAX_RESULTS}, with {least} already accounted for"
                    )
                least += fewest
                depth += 2 + min(MAX_RESULTS, fewest)
            if claim.spec.empty_constraint is not None:
                raise AllocationError(
                    f"claim {claim.name}, constraint #{claim.spec.empty_constraint}: empty constraint "
                    "(unsupported constraint type?)"
                )
        if depth > MAX_DEPTH:
            raise SearchError(f"more than {MAX_DEPTH} devices and requests")
        try:
            done = self._allocate(_Step(0), False, (0, 0))
        except _TooManyError:
            # The first claim raises this. For the others _allocate has returned False.
            raise AllocationError("allocation max size exceeded") from None
        except CapacityError as error:
            raise AllocationError(str(error)) from None
        if done:
            return self._allocating.results
        if any(pool.flaw == "invalid" for pool in self._pools):
            raise NodeError("invalid resource pools were encountered")
        return None

    def alike(self, claim: Named) -> Sequence[frozenset[int]] | None:
        """Return the positions, in each pool, of the devices that a claim's only request may get.

        The request can get any of them that are free. Return None for other claims, and if devices depend on
        each other. Raise what ``allocate`` raises.
        """
        requests = claim.spec.requests
        if len(requests) != 1 or requests[0].is_list or claim.spec.constraints:
            return None
        (asked,) = requests[0].alternatives
        if asked.mode == ALL or asked.admin_access or not 0 < asked.count <= MAX_RESULTS:
            return None
        flaws = {pool.flaw for pool in self._pools}
        if claim.spec.empty_constraint is not None or flaws & {"invalid", "contradictory"}:
            return None
        data, step = self._requests.prepare(claim, requests[0], asked), _Step(0)
        found: list[frozenset[int]] = []
        for position, pool in enumerate(self._pools):
            if any(device.consumes or device.shareable for device, _ in pool.devices):
                return None
            found.append(
                frozenset(
                    index
                    for index, (device, _) in enumerate(pool.devices if pool.offers else ())
                    if self._is_candidate(step, data, position, index)
                    and not self._allocating.is_repelled(pool.key, device, asked)
                )
            )
        return found

    # The search

    def _allocate(self, step: _Step, is_chosen: bool, start: tuple[int, int]) -> bool:
        """Return whether all devices from a step on can be allocated.

        Raise _TooManyError as ``allocateOne`` does. ``is_chosen`` says whether the alternative is. The
        request's devices before ``start`` have been tried.
        """
        if step.claim >= len(self._claims):
            return True
        requests = self._claims[step.claim].spec.requests
        if step.request >= len(requests):
            try:
                return self._allocate(_Step(step.claim + 1), False, (0, 0))
            except _TooManyError:
                return False
        if requests[step.request].is_list and not is_chosen:
            return self._first_available(step, len(requests[step.request].alternatives))
        data = self._data[step.claim, step.request, step.alternative]
        if data.asked.mode == ALL and not data.all_devices:
            return False
        if step.device >= data.number:
            return self._allocate(_Step(step.claim, step.request + 1), False, (0, 0))
        needed = data.number - step.device
        if needed > MAX_RESULTS - len(self._allocating.results[step.claim]):
            raise _TooManyError
        following = step._replace(device=step.device + 1)
        if data.asked.mode == ALL:
            position, index = data.all_devices[step.device]
            if not self._allocating.add(step.claim, data, self._pools[position], index, must=True):
                return False
            return self._continue(step, data, position, following, is_chosen, (0, 0))
        return self._any(step, data, following, is_chosen, start)

    def _first_available(self, step: _Step, alternatives: int) -> bool:
        too_many = True
        for alternative in range(alternatives):
            try:
                if self._allocate(step._replace(alternative=alternative), True, (0, 0)):
                    return True
                too_many = False
            except _TooManyError:
                continue
        if too_many:
            raise _TooManyError
        return False

    def _any(
        self, step: _Step, data: RequestData, following: _Step, is_chosen: bool, start: tuple[int, int]
    ) -> bool:
        if not self._may_suffice(step, data, start):
            return False
        for position in range(start[0], len(self._pools)):
            pool = self._pools[position]
            if not pool.offers:
                if pool.flaw == "contradictory" and any(
                    self._is_candidate(step, data, position, index) for index in range(len(pool.devices))
                ):
                    raise ContradictionError(fatal=False)
                continue
            for index in range(start[1] if position == start[0] else 0, len(pool.devices)):
                if (
                    self._is_candidate(step, data, position, index)
                    and self._allocating.add(step.claim, data, pool, index, must=False)
                    and self._continue(step, data, position, following, is_chosen, (position, index + 1))
                ):
                    return True
        return False

    def _continue(
        self,
        step: _Step,
        data: RequestData,
        position: int,
        following: _Step,
        is_chosen: bool,
        start: tuple[int, int],
    ) -> bool:
        """Return whether the rest can be allocated too; if it can't, take the last device back."""
        try:
            done = self._allocate(following, is_chosen, start)
        except _TooManyError:
            self._allocating.remove_last(step.claim, data, self._pools[position])
            raise
        if not done:
            self._allocating.remove_last(step.claim, data, self._pools[position])
        return done

    def _may_suffice(self, step: _Step, data: RequestData, start: tuple[int, int]) -> bool:
        """Return whether enough devices are left for a request."""
        needed = data.number - step.device
        failure: AllocationError | None = None
        for position in range(start[0], len(self._pools)):
            pool = self._pools[position]
            if not pool.offers and pool.flaw != "contradictory":
                continue
            for index in range(start[1] if position == start[0] else 0, len(pool.devices)):
                try:
                    if self._is_candidate(step, data, position, index, counts=False):
                        needed -= 1
                except AllocationError as error:
                    # The search may end before it reaches this device.
                    failure = failure or error
                    needed -= 1
                if needed <= 0:
                    return True
        if failure is not None:
            raise failure
        return False

    def _is_candidate(
        self, step: _Step, data: RequestData, position: int, index: int, *, counts: bool = True
    ) -> bool:
        if counts:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise SearchError(f"more than {MAX_STEPS} devices were tried")
            if self._steps % _CHECK_EVERY == 0:
                self._check_time()
        pool = self._pools[position]
        device, _ = pool.devices[index]
        key = DeviceKey(pool.key.driver, pool.key.pool, device.name)
        return (
            self._allocating.may_have(step.claim, key, admin=data.asked.admin_access)
            and self._requests.selects(data, position, index)
            and self._allocating.has_room(data.asked, key, device)
        )
