"""Searches for devices for claims on one node, in kube-scheduler's order: the first full solution is taken.

Source: k8s.io/dynamic-resource-allocation v0.37, structured/internal/incubating, allocator_incubating.go.
It tries devices pool by pool, slice by slice, and for each request all combinations. Here a combination is
left out early if fewer devices are left than are needed. The search is bounded: kube-scheduler stops after
10 s.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.dra.allocation.counters import Counters
from lens.model.fit.dra.allocation.requests import RequestData, Requests
from lens.model.fit.dra.allocation.results import (
    MOST_RESULTS,
    AllocationError,
    ContradictionError,
    Named,
    NodeError,
    Offer,
    Result,
    Results,
    SearchError,
)
from lens.model.fit.dra.capacity import CapacityError, consumed, has_room
from lens.model.fit.dra.constraints import Tracker
from lens.model.fit.dra.devices import Device, DeviceTaint
from lens.model.fit.dra.pools import Pool
from lens.model.fit.spec.claims import ALL, SubRequest
from lens.model.inventory.objects.claim import DeviceKey, PoolKey
from lens.model.k8s.quantity import Exact

MOST_STEPS = 20_000
"""Devices that are tried on one node."""

MOST_DEPTH = 400
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
        """Take the node with its pools, and what may be had of them."""
        self._pools = pools
        self._offer = offer
        self._check_time = check_time
        self._requests = Requests(node, labels, pools, offer)
        self._counters = Counters(offer.holding)
        self._claims: Sequence[Named] = ()
        self._data: dict[tuple[int, int, int], RequestData] = {}
        self._trackers: list[list[Tracker]] = []
        self._results: Results = []
        self._taken: dict[DeviceKey, list[int]] = {}
        self._shares: dict[DeviceKey, list[Mapping[str, Exact]]] = {}
        self._drew: list[bool] = []
        self._steps = 0

    def allocate(self, claims: Sequence[Named]) -> Results | None:
        """Return the devices of each claim; None if there is no solution.

        Raise AllocationError, NodeError, SearchError, ContradictionError, UnsupportedError, or what
        ``check_time`` raises.
        """
        self._claims = claims
        self._results = [[] for _ in claims]
        self._trackers = []
        depth = 0
        for index, claim in enumerate(claims):
            least = 0
            for number, request in enumerate(claim.spec.requests):
                prepared = [self._requests.prepare(claim, request, asked) for asked in request.alternatives]
                for alternative, data in enumerate(prepared):
                    self._data[index, number, alternative] = data
                fewest = min(data.number for data in prepared)
                if fewest > MOST_RESULTS - least:
                    raise AllocationError(
                        f"claim {claim.name}, request {request.name}: adding {fewest} devices exceeds the "
                        f"claim limit of {MOST_RESULTS}, with {least} already accounted for"
                    )
                least += fewest
                depth += 2 + min(MOST_RESULTS, fewest)
            if claim.spec.empty_constraint is not None:
                raise AllocationError(
                    f"claim {claim.name}, constraint #{claim.spec.empty_constraint}: empty constraint "
                    "(unsupported constraint type?)"
                )
            self._trackers.append([Tracker(each) for each in claim.spec.constraints])
        if depth > MOST_DEPTH:
            raise SearchError(f"more than {MOST_DEPTH} devices and requests")
        try:
            done = self._allocate(_Step(0), False, (0, 0))
        except _TooManyError:
            # Only of the first claim: for all others it is no solution.
            raise AllocationError("allocation max size exceeded") from None
        except CapacityError as error:
            raise AllocationError(str(error)) from None
        if done:
            return self._results
        if any(pool.flaw == "invalid" for pool in self._pools):
            raise NodeError("invalid resource pools were encountered")
        return None

    def alike(self, claim: Named) -> Sequence[frozenset[int]] | None:
        """Return the places, in each pool, of the devices that a claim's only request may get.

        Any so many of them that are free will do: return None for other claims, or if devices depend on each
        other. Raise what ``allocate`` raises.
        """
        requests = claim.spec.requests
        if len(requests) != 1 or requests[0].is_list or claim.spec.constraints:
            return None
        (asked,) = requests[0].alternatives
        if asked.mode == ALL or asked.admin_access or not 0 < asked.count <= MOST_RESULTS:
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
                    and not self._is_repelled(pool.key, device, asked)
                )
            )
        return found

    # The search

    def _allocate(self, step: _Step, is_chosen: bool, start: tuple[int, int]) -> bool:
        """Return whether all devices from a step on can be had; raise _TooManyError as ``allocateOne`` does.

        ``is_chosen`` says whether the alternative is. The request's devices before ``start`` have been tried.
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
        if needed > MOST_RESULTS - len(self._results[step.claim]):
            raise _TooManyError
        following = step._replace(device=step.device + 1)
        if data.asked.mode == ALL:
            position, index = data.all_devices[step.device]
            if not self._take(step, data, position, index, must=True):
                return False
            return self._goes_on(step, data, position, following, is_chosen, (0, 0))
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
                    and self._take(step, data, position, index, must=False)
                    and self._goes_on(step, data, position, following, is_chosen, (position, index + 1))
                ):
                    return True
        return False

    def _goes_on(
        self,
        step: _Step,
        data: RequestData,
        position: int,
        following: _Step,
        is_chosen: bool,
        start: tuple[int, int],
    ) -> bool:
        """Return whether the rest can be had too; give the device back that was taken last if it can't."""
        try:
            done = self._allocate(following, is_chosen, start)
        except _TooManyError:
            self._give_back(step, data, position)
            raise
        if not done:
            self._give_back(step, data, position)
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
                    # The search may end before it comes there.
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
            if self._steps > MOST_STEPS:
                raise SearchError(f"more than {MOST_STEPS} devices were tried")
            if self._steps % _CHECK_EVERY == 0:
                self._check_time()
        pool = self._pools[position]
        device, _ = pool.devices[index]
        key = DeviceKey(pool.key.driver, pool.key.pool, device.name)
        if data.asked.admin_access:
            if step.claim in self._taken.get(key, ()):
                return False
        elif self._in_use(key):
            return False
        return self._requests.selects(data, position, index) and self._has_room(data, key, device)

    def _in_use(self, key: DeviceKey) -> bool:
        return bool(self._taken.get(key)) or self._offer.holding.of(key).whole

    def _has_room(self, data: RequestData, key: DeviceKey, device: Device) -> bool:
        if not device.capacities and not data.asked.capacities:
            return True
        taken: dict[str, Exact] = {}
        for share in self._shares.get(key, ()):
            for name, amount in share.items():
                taken[name] = taken.get(name, 0) + amount
        return has_room(dict(data.asked.capacities), device, self._offer.holding.of(key).amounts, taken)

    def _take(self, step: _Step, data: RequestData, position: int, index: int, *, must: bool) -> bool:
        """Give a device to a request if that is possible; return whether it is."""
        pool = self._pools[position]
        device, of_slice = pool.devices[index]
        key = DeviceKey(pool.key.driver, pool.key.pool, device.name)
        admin = data.asked.admin_access
        if not device.shareable and admin and step.claim in self._taken.get(key, ()):
            return False
        if not admin and self._in_use(key):
            return False
        draws = self._draws(device, key)
        if draws and not self._counters.draw(pool, device):
            return False
        names = data.names
        if self._is_repelled(pool.key, device, data.asked):
            self._undraw(pool, device, draws=draws)
            return False
        trackers = self._trackers[step.claim]
        for number, tracker in enumerate(trackers):
            if not tracker.add(*names, device, pool.key.driver):
                for added in trackers[:number]:
                    added.remove(*names)
                self._undraw(pool, device, draws=draws)
                if must:
                    raise AllocationError(
                        f"claim {data.claim}, request {data.asked.name}: cannot add "
                        f"device {'/'.join(key)} because a claim constraint would not be satisfied"
                    )
                return False
        if not self._has_room(data, key, device):
            for added in trackers:
                added.remove(*names)
            self._undraw(pool, device, draws=draws)
            return False
        share = consumed(dict(data.asked.capacities), device) if device.shareable else None
        if share is not None:
            self._shares.setdefault(key, []).append(share)
        else:
            self._taken.setdefault(key, []).append(step.claim)
        self._results[step.claim].append(Result(data.label, key, device, of_slice, share, admin))
        self._drew.append(draws)
        return True

    def _give_back(self, step: _Step, data: RequestData, position: int) -> None:
        """Take back the device that a claim was given last."""
        last = self._results[step.claim].pop()
        if last.consumed is not None:
            shares = self._shares[last.key]
            shares.pop()
            if not shares:
                del self._shares[last.key]
        else:
            self._taken[last.key].remove(step.claim)
        for tracker in self._trackers[step.claim]:
            tracker.remove(*data.names)
        self._undraw(self._pools[position], last.device, draws=self._drew.pop())

    def _is_repelled(self, pool: PoolKey, device: Device, asked: SubRequest) -> bool:
        return any(
            not any(each.tolerates(*taint) for each in asked.tolerations)
            for taint in self._taints(pool, device)
        )

    def _taints(self, pool: PoolKey, device: Device) -> Iterator[DeviceTaint]:
        yield from device.taints
        for rule in self._offer.rules:
            if rule.taint is not None and rule.device in (None, device.name) and rule.matches(*pool):
                yield rule.taint

    # Counters

    def _draws(self, device: Device, key: DeviceKey) -> bool:
        """Return whether a device draws on counters now: a share of one that is shared already doesn't."""
        if not device.consumes:
            return False
        return not (device.shareable and (self._offer.holding.of(key).shared or key in self._shares))

    def _undraw(self, pool: Pool, device: Device, *, draws: bool) -> None:
        if draws:
            self._counters.give_back(pool, device)
