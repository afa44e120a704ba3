"""Signatures of nodes: those with the same one have the same devices for all claims that read no identity.

Most nodes of a large cluster are like many others: they have devices of the same kinds at the same places,
and the same of these are held. So a question searches for devices on one of them. kube-scheduler gives pods
signatures for the same purpose (KEP-5598).
"""

from collections.abc import Hashable, Sequence
from weakref import WeakValueDictionary

from lens.model.fit.dra.holding import Holding
from lens.model.fit.dra.pools import Pool


class Signature:
    """A signature. All nodes with the same one share an object, as long as it is in use."""

    __slots__ = ("__weakref__",)


_known: WeakValueDictionary[Hashable, Signature] = WeakValueDictionary()


def node_signature(pools: Sequence[Pool], holding: Holding) -> Signature | None:
    """Return the signature of a node with some pools; None if it can't be compared with others."""
    parts: list[object] = []
    for pool in pools:
        kind = pool.kind
        if kind is None:
            return None
        parts += kind, held_places(pool, holding)
    key = tuple(parts)
    signature = _known.get(key)
    if signature is None:
        signature = _known[key] = Signature()
    return signature


def held_places(pool: Pool, holding: Holding) -> Hashable:
    """Return which of a pool's devices are held, and how."""
    held = holding.in_pool(pool.key)
    if not held:
        return ()
    places = pool.positions
    return tuple(sorted((places[name], each.state) for name, each in held.items() if name in places))
