"""The simulated owners, which exist as long as an object that they control."""

from datetime import datetime

from lens_sim.cluster.pods import Owner, Pod
from lens_sim.objects.resources import OWNERS, Object
from lens_sim.objects.store import Store
from lens_sim.objects.timestamps import rfc3339

_RESOURCES = {(resource.api_version, resource.kind): resource for resource in OWNERS}

_LASTING = frozenset({"CronJob"})
"""The kinds of owners that outlive the objects that they made."""


class Owners:
    """Writes the owners of pods into a store, up to the top of each chain."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._controlled: dict[str, set[str]] = {}

    def keep(self, pod: Pod, at: datetime) -> None:
        """Write the owners of a pod that is there, those that aren't yet."""
        owned, owner = pod.key, pod.owner
        while owner is not None and (owner.api_version, owner.kind) in _RESOURCES:
            new = owner.uid not in self._controlled
            self._controlled.setdefault(owner.uid, set()).add(owned)
            if not new:
                break
            resource = _RESOURCES[owner.api_version, owner.kind]
            self._store.put(resource, _manifest(owner, pod), at)
            owned, owner = owner.uid, owner.above

    def let_go(self, pod: Pod) -> None:
        """Delete the owners of which a pod that is gone was the last."""
        owned, owner = pod.key, pod.owner
        while owner is not None and owner.uid in self._controlled:
            controlled = self._controlled[owner.uid]
            controlled.discard(owned)
            if controlled or owner.kind in _LASTING:
                break
            del self._controlled[owner.uid]
            resource = _RESOURCES[owner.api_version, owner.kind]
            self._store.delete(resource, resource.key(pod.namespace, owner.name))
            owned, owner = owner.uid, owner.above


def _manifest(owner: Owner, pod: Pod) -> Object:
    metadata: Object = {
        "name": owner.name,
        "namespace": pod.namespace,
        "uid": owner.uid,
        "creationTimestamp": rfc3339(pod.created),
        "labels": pod.labels,
    }
    if owner.above is not None:
        metadata["ownerReferences"] = [owner.above.reference()]
    return {"metadata": metadata}
