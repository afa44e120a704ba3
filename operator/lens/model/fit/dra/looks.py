"""What nodes' devices look like to all claims that look at no device's identity.

Most nodes of a large cluster look like many others: they have devices of the same kinds at the same places,
and the same of these are held. So a question looks for devices on one of them.
"""

from collections.abc import Hashable, Sequence
from weakref import WeakValueDictionary

from lens.model.fit.dra.holding import Holding
from lens.model.fit.dra.pools import Pool


class Look:
    """What nodes look like. There is one object for all that look the same, as long as somebody has it."""

    __slots__ = ("__weakref__",)


_known: WeakValueDictionary[Hashable, Look] = WeakValueDictionary()


def look_of(pools: Sequence[Pool], holding: Holding) -> Look | None:
    """Return what a node with some pools looks like; None if it can't be compared with others."""
    seen: list[object] = []
    for pool in pools:
        kind = pool.kind
        if kind is None:
            return None
        seen += kind, held_places(pool, holding)
    key = tuple(seen)
    look = _known.get(key)
    if look is None:
        look = _known[key] = Look()
    return look


def held_places(pool: Pool, holding: Holding) -> Hashable:
    """Return which of a pool's devices are held, and how."""
    held = holding.in_pool(pool.key)
    if not held:
        return ()
    places = pool.positions
    return tuple(sorted((places[name], each.state) for name, each in held.items() if name in places))
