"""The requests of claims, and the devices of a node's pools that their classes and selectors match."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from lens.model.fit.dra.allocation.results import AllocationError, ContradictionError, Named, Offer
from lens.model.fit.dra.capacity import CapacityError, has_room
from lens.model.fit.dra.cel.library import EvaluationError
from lens.model.fit.dra.matching import looks_at, matches
from lens.model.fit.dra.objects import FitClass
from lens.model.fit.dra.pools import Pool
from lens.model.fit.spec.claims import ALL, DeviceRequest, SubRequest
from lens.model.k8s.bounds import LONGEST_MESSAGE, short
from lens.model.k8s.dra.device_identities import IDENTITIES


class RequestData(NamedTuple):
    """What is known of a claim's request, or of one of its alternatives (kube-scheduler's ``requestData``).

    It gets ``number`` devices, at the places ``all_devices`` if it asks for all.
    """

    claim: str
    request: DeviceRequest
    asked: SubRequest
    known: FitClass
    number: int
    all_devices: Sequence[tuple[int, int]]
    verdicts: dict[tuple[int, int], bool]
    sees_identities: bool

    @property
    def label(self) -> str:
        """Return its name in results."""
        return f"{self.request.name}/{self.asked.name}" if self.request.is_list else self.asked.name

    @property
    def names(self) -> tuple[str, str]:
        """Return the names by which constraints refer to it."""
        return self.request.name, self.asked.name if self.request.is_list else ""


class Requests:
    """Requests for the devices of one node."""

    def __init__(self, node: str, labels: Mapping[str, str], pools: Sequence[Pool], offer: Offer) -> None:
        """Take the node with its pools, and what claims are allocated of."""
        self._node, self._labels = node, labels
        self._pools = pools
        self._offer = offer

    def prepare(self, claim: Named, request: DeviceRequest, asked: SubRequest) -> RequestData:
        """Return what is known of a request. Raise AllocationError or ContradictionError."""
        where = f"claim {claim.name}, request {asked.name}"
        if asked.refusal is not None:
            raise AllocationError(f"{where}: {asked.refusal}")
        known = self._offer.classes.get(asked.device_class)
        if known is None:
            raise AllocationError(f"{where}: could not retrieve device class {asked.device_class}: not found")
        sees = any(looks_at(each, IDENTITIES) for each in (*known.selectors, *asked.selectors))
        data = RequestData(claim.name, request, asked, known, asked.count, (), {}, sees)
        if asked.mode == ALL:
            found = tuple(self._all_devices(data, where))
            data = data._replace(number=len(found), all_devices=found)
        return data

    def _all_devices(self, data: RequestData, where: str) -> Iterator[tuple[int, int]]:
        amounts = dict(data.asked.capacities)
        for position, pool in enumerate(self._pools):
            if pool.flaw == "contradictory":
                raise ContradictionError(fatal=True)
            if not pool.offers:
                what = "being updated" if pool.flaw == "incomplete" else "invalid"
                raise AllocationError(
                    f"{where}: asks for all devices, but resource pool {'/'.join(pool.key)} "
                    f"is currently {what}"
                )
            for index, (device, _) in enumerate(pool.devices):
                if not self.selects(data, position, index):
                    continue
                try:
                    if has_room(amounts, device):
                        yield position, index
                except CapacityError as error:
                    raise AllocationError(
                        f"{where}: checking capacity for device {device.name}: {error}"
                    ) from None

    def selects(self, data: RequestData, position: int, index: int) -> bool:
        """Return whether a request's class and selectors match a device. Raise AllocationError."""
        known = data.verdicts.get((position, index))
        if known is None:
            known = data.verdicts[position, index] = self._matches_kind(data, position, index)
        return known

    def _matches_kind(self, data: RequestData, position: int, index: int) -> bool:
        pool, verdicts = self._pools[position], self._offer.verdicts
        device, of_slice = pool.devices[index]
        if of_slice.per_device or data.sees_identities:
            return self._matches(data, position, index)
        key = device.kind, pool.key.driver, data.known.name, data.asked.selectors
        known = verdicts.get(key)
        if known is None:
            known = verdicts[key] = self._matches(data, position, index)
        return known

    def _matches(self, data: RequestData, position: int, index: int) -> bool:
        pool = self._pools[position]
        device, of_slice = pool.devices[index]
        for of_class, selectors in ((True, data.known.selectors), (False, data.asked.selectors)):
            for number, expression in enumerate(selectors):
                try:
                    if not matches(expression, device, pool.key.driver):
                        return False
                except EvaluationError as error:
                    whose = f"class {data.known.name}" if of_class else f"claim {data.claim}"
                    raise AllocationError(
                        f"{whose}: selector #{number} on device {'/'.join((*pool.key, device.name))}: "
                        f"CEL runtime error: {short(str(error), LONGEST_MESSAGE)}"
                    ) from None
        return not of_slice.per_device or device.nodes.matches(self._node, self._labels)
