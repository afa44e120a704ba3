"""Recognizes an object that a watch reports again without a change that Lens reads.

Most lines do: a heartbeat, a container's new state, an annotation. To recognise such a line costs less than
half of what it takes to make views of it and to compare them.
"""

from hashlib import blake2b
from typing import TypeVar

import msgspec

from lens.model.k8s.objects import Manifest

K = TypeVar("K")

MAX_KEPT = 65_536
"""The objects of one resource that are remembered; each takes some 300 bytes."""

_encode = msgspec.json.Encoder().encode


def fingerprint(manifest: Manifest) -> bytes | None:
    """Return a digest of a manifest's fields; None if it has no digest.

    Fields that are still bytes are JSON values or nothing, so the encoded fields can't run into one another.
    """
    try:
        return blake2b(_encode(manifest), digest_size=16).digest()
    except (ValueError, OverflowError, RecursionError):
        return None


class Fingerprints(dict[K, bytes]):
    """Fingerprints of the objects that were applied last, by key. The oldest beyond MAX_KEPT are dropped."""

    @property
    def is_full(self) -> bool:
        """Return whether the next object replaces another one."""
        return len(self) >= MAX_KEPT

    def put(self, key: K, value: bytes | None) -> None:
        """Remember what was applied of an object; None forgets it."""
        if value is None:
            self.pop(key, None)
            return
        self[key] = value
        if len(self) > MAX_KEPT:
            del self[next(iter(self))]
