"""The shapes of nodes' pools for some claims. Nodes of equal shapes have equal devices for these claims.

In a large cluster most nodes are such. So the allocator searches for devices on one of them, and the others
have those at the same places.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from weakref import WeakValueDictionary

from lens.model.fit.dra.allocation.results import Named, Offer
from lens.model.fit.dra.cel.library import EvaluationError
from lens.model.fit.dra.cel.tokens import UnsupportedError
from lens.model.fit.dra.constraints import look_up
from lens.model.fit.dra.devices import Device
from lens.model.fit.dra.holding import Holding
from lens.model.fit.dra.matching import looks_at, matches
from lens.model.fit.dra.objects import FitClass
from lens.model.fit.dra.pools import Pool
from lens.model.fit.dra.signatures import held_places
from lens.model.k8s.dra.device_identities import IDENTITIES

MAX_VIEWS = 16
"""Kinds of claims for which a pool keeps its shape."""


class Shape:
    """What some claims read of a pool.

    There is one object for all pools of which they see the same, as long as there is one of them.
    """

    __slots__ = ("__weakref__",)


_known: WeakValueDictionary[Hashable, Shape] = WeakValueDictionary()


class Viewer:
    """Reads pools as some claims do."""

    def __init__(self, claims: Iterable[Named], offer: Offer) -> None:
        """Take the claims' requests, and the classes and rules."""
        listed = [each.spec for each in claims]
        asked = [
            alternative
            for spec in listed
            for request in spec.requests
            for alternative in request.alternatives
        ]
        self._selectors = tuple(
            dict.fromkeys(
                _class_selectors(offer.classes, each.device_class) + each.selectors for each in asked
            )
        )
        self._attributes = tuple(
            dict.fromkeys(constraint.attribute for spec in listed for constraint in spec.constraints)
        )
        self._rules = tuple(rule for rule in offer.rules if rule.taint is not None)
        self.sees_identities = any(
            looks_at(expression, IDENTITIES) for selectors in self._selectors for expression in selectors
        ) or any(attribute.rpartition("/")[2] in IDENTITIES for attribute in self._attributes)
        """Whether devices that differ in their identities alone may differ to the claims."""
        self.compares_signatures = not self.sees_identities and not self._rules
        """Whether nodes of the same signature are the same to the claims."""
        self._key: Hashable = self._rules
        if self.sees_identities:
            self._key = self._selectors, self._attributes, self._rules

    def of_node(self, pools: Sequence[Pool], holding: Holding) -> Hashable | None:
        """Return a node's shape for the claims; None if it can't be compared with others."""
        parts: list[object] = []
        for pool in pools:
            shape = pool.shapes.get(self._key, pool)
            if shape is pool:
                if len(pool.shapes) >= MAX_VIEWS:
                    pool.shapes.clear()
                shape = pool.shapes[self._key] = self._shape(pool)
            if shape is None:
                return None
            parts += shape, held_places(pool, holding)
        return tuple(parts)

    def _shape(self, pool: Pool) -> Shape | None:
        if pool.elsewhere or pool.is_divided:
            return None
        rules = [rule for rule in self._rules if rule.matches(*pool.key)]
        counters = tuple(
            (name, tuple(sorted(counters.items()))) for name, counters in sorted(pool.counter_sets.items())
        )
        key = (
            self._key,
            pool.flaw,
            counters,
            pool.key.driver,
            tuple(
                (
                    self._read(device, pool.key.driver) if self.sees_identities else device.kind,
                    tuple(rule.name for rule in rules if rule.device in (None, device.name)),
                )
                for device, _ in pool.devices
            ),
        )
        shape = _known.get(key)
        if shape is None:
            shape = _known[key] = Shape()
        return shape

    def _read(self, device: Device, driver: str) -> Hashable:
        return (
            self._verdicts(device, driver),
            self._values(device, driver),
            device.taints,
            device.capacities,
            device.consumes,
            device.shareable,
        )

    def _verdicts(self, device: Device, driver: str) -> tuple[object, ...]:
        verdicts: list[object] = []
        for selectors in self._selectors:
            verdict: object = True
            for expression in selectors:
                try:
                    if not matches(expression, device, driver):
                        verdict = False
                        break
                except (EvaluationError, UnsupportedError) as error:
                    verdict = str(error)
                    break
            verdicts.append(verdict)
        return tuple(verdicts)

    def _values(self, device: Device, driver: str) -> tuple[object, ...]:
        values = []
        for attribute in self._attributes:
            found = look_up(device, driver, attribute)
            values.append(None if found is None else (found.type, found.value))
        return tuple(values)


def _class_selectors(classes: Mapping[str, FitClass], name: str) -> tuple[str, ...]:
    known = classes.get(name)
    return () if known is None else known.selectors
