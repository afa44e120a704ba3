"""A pending pod as a fit looks at it, kept compactly: pods of one template share all but their labels."""

from collections.abc import Hashable
from functools import lru_cache

import msgspec

from lens.model.fit.spec.asked import AskedPod, read_asked_pod
from lens.model.fit.spec.labels import FlatLabels
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import Fleet
from lens.model.k8s.bounds import LONGEST_PENDING


class PendingPod(msgspec.Struct, frozen=True, gc=False):
    """A pod that isn't bound. ``nominated`` is what it counts as on the node that it is nominated to.

    ``refusal`` is the scheduler's message if it has found no node for it.
    """

    asked: AskedPod
    labels: FlatLabels
    nominated: FitPod | None = None
    refusal: str | None = None

    def shape(self, fleet: Fleet) -> Hashable:
        """Return a value that pods of which a fit says the same share, while one of them is kept."""
        asked = self.asked
        by_labels = asked.spread or asked.affinity or asked.anti_affinity or fleet.repelling
        # Only rules between pods look at the labels, in which pods of one template may differ.
        # Hashing all else would take longer than to tell a shape twice, where it isn't the same object.
        return id(asked), self.labels if by_labels else (), self.nominated

    def whole(self) -> AskedPod:
        """Return the pod with its labels."""
        return msgspec.structs.replace(self.asked, labels=self.labels)


def read_pending(document: bytes, nominated: FitPod | None, refusal: str | None = None) -> PendingPod:
    """Return a pending pod. Raise ValueError, naming the field, for one that can't be read or is too long."""
    if len(document) > LONGEST_PENDING:
        raise ValueError(f"{len(document)} bytes are more than {LONGEST_PENDING}")
    asked = read_asked_pod(document)
    return PendingPod(_share(msgspec.structs.replace(asked, labels=())), asked.labels, nominated, refusal)


@lru_cache(maxsize=4096)
def _share(asked: AskedPod) -> AskedPod:
    return asked
