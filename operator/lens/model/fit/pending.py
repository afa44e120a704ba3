"""A pending pod as the fit engine reads it. Pods of one template share all but their labels."""

from collections.abc import Hashable
from functools import lru_cache

import msgspec

from lens.model.fit.spec.asked import AskedPod, read_asked_pod
from lens.model.fit.spec.claims import AskedClaim
from lens.model.fit.spec.labels import FlatLabels, share
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import Fleet
from lens.model.k8s.bounds import LONGEST_PENDING


class PendingPod(msgspec.Struct, frozen=True, gc=False):
    """A pod that isn't bound. ``nominated`` is what it counts as on the node that it is nominated to.

    ``asked`` lacks what pods of one template differ in: their labels, and the claims that are made for them.
    ``refusal`` is the scheduler's message if it has found no node for it.
    """

    asked: AskedPod
    labels: FlatLabels
    nominated: FitPod | None = None
    refusal: str | None = None
    claims: tuple[AskedClaim, ...] = ()
    name: str = ""
    leftover: tuple[str, str] | None = None

    def shape(self, fleet: Fleet) -> Hashable:
        """Return a value that all pods with the same result of fit share, while one of them is kept."""
        asked = self.asked
        by_labels = asked.spread or asked.affinity or asked.anti_affinity or fleet.repelling
        # Only rules between pods read the labels, in which pods of one template may differ.
        # Hashing all other fields would take longer than reading a shape twice that isn't the same object.
        claims = tuple(_claim_shape(each, fleet, asked.namespace) for each in self.claims)
        return id(asked), self.labels if by_labels else (), self.nominated, claims, self.leftover

    def whole(self) -> AskedPod:
        """Return the pod with its labels and claims."""
        return msgspec.structs.replace(
            self.asked, labels=self.labels, claims=self.claims, name=self.name, leftover=self.leftover
        )


def _claim_shape(claim: AskedClaim, fleet: Fleet, namespace: str) -> Hashable:
    """Return the value that unallocated claims with equal requests share."""
    stored = fleet.devices.claims.get((namespace, claim.claim))
    if claim.owner is None or stored is None or stored.allocated or stored.deleted:
        return claim
    # Claims of one template share what they ask for.
    return id(stored.spec) if stored.owner == claim.owner else claim


def read_pending(document: bytes, nominated: FitPod | None, refusal: str | None = None) -> PendingPod:
    """Return a pending pod. Raise ValueError, naming the field, for one that can't be read or is too long."""
    if len(document) > LONGEST_PENDING:
        raise ValueError(f"{len(document)} bytes are more than {LONGEST_PENDING}")
    asked = read_asked_pod(document)
    shared = msgspec.structs.replace(asked, labels=(), claims=(), name="", leftover=None)
    return PendingPod(
        _share(shared),
        share(asked.labels),
        nominated,
        refusal,
        asked.claims,
        asked.name if asked.claims else "",
        asked.leftover,
    )


@lru_cache(maxsize=4096)
def _share(asked: AskedPod) -> AskedPod:
    return asked
