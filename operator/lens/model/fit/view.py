"""What the fit engine reads, as an immutable value."""

from collections.abc import Mapping

import msgspec

from lens.model.fit.admission.policies import Policies
from lens.model.fit.pending import PendingPod
from lens.model.fit.state import Fleet
from lens.model.inventory.objects.pod import PodKey


class FitView(msgspec.Struct, frozen=True):
    """The state of the fit engine at one moment.

    ``policies`` are what admission adds, and the quotas. ``unseen`` has the reason, by resource, why its
    objects aren't known, and so has ``devices_unseen`` for those of resource.k8s.io. ``pending`` are the pods
    that request GPUs and aren't bound, where they can be read.
    """

    fleet: Fleet
    policies: Policies = Policies()
    unseen: Mapping[str, str] = {}
    devices_unseen: Mapping[str, str] = {}
    pending: Mapping[PodKey, PendingPod] = {}


NOTHING_FIT = FitView(Fleet())
