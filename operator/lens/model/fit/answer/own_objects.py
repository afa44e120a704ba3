"""A cluster that has the policies and the DeviceClasses of a manifest."""

from collections.abc import Mapping

import msgspec

from lens.model.fit.admission.own_policies import NO_OWN_POLICIES
from lens.model.fit.admission.workloads.workload import BundledObjects
from lens.model.fit.dra.objects import FitClass
from lens.model.fit.dra.state import Devices, serving
from lens.model.fit.view import FitView

NEW_QUOTA = "NEW"
"""Why quotas are unknown: the manifest's counts pods that are there already, and nobody has counted them."""


def with_own_objects(view: FitView, own: BundledObjects, namespace: str) -> FitView:
    """Return a view in which the policies and classes of a manifest are, for pods of a ``namespace``."""
    if own.policies == NO_OWN_POLICIES and not own.classes:
        return view
    policies, fleet = own.policies.added_to(view.policies, namespace), view.fleet
    unseen = view.unseen
    if own.policies.has_new_quota(view.policies, namespace):
        unseen = {**unseen, "resourcequotas": NEW_QUOTA}
    devices = _with_classes(fleet.devices, own.classes) if own.classes else fleet.devices
    fleet = fleet.successor({}, policies.namespaces, fleet.priorities, fleet.unreadable, devices)
    return msgspec.structs.replace(view, fleet=fleet, policies=policies, unseen=unseen)


def _with_classes(devices: Devices, own: Mapping[str, FitClass]) -> Devices:
    """Return devices with more classes. One that the cluster doesn't have will be the newest."""
    newest = max((each.created_at for each in devices.classes.values()), default=0) + 1
    classes = dict(devices.classes)
    for name, each in own.items():
        created_at = classes[name].created_at if name in classes else newest
        classes[name] = msgspec.structs.replace(each, created_at=created_at)
    return msgspec.structs.replace(devices, classes=classes, serving=serving(classes))
