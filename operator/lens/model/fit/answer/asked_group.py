"""Equal pods of a manifest after admission, with what their claims ask for and what quotas count of them."""

import msgspec

from lens.model.fit.admission.claim_quota import added, made_for, serving_claim, shared_by
from lens.model.fit.admission.mutation import admit
from lens.model.fit.admission.namespaces import refused_in
from lens.model.fit.admission.quantities import with_stored_quantities
from lens.model.fit.admission.quota import Charged, read_charged
from lens.model.fit.admission.validation import check_pod
from lens.model.fit.admission.workloads.pod_group import PodGroup
from lens.model.fit.admission.workloads.workload import NO_BUNDLED_OBJECTS, BundledObjects
from lens.model.fit.answer.bound import as_bound
from lens.model.fit.answer.unseen_devices import may_need_unseen
from lens.model.fit.spec.asked import AskedPod, read_asked_pod
from lens.model.fit.view import FitView
from lens.model.k8s.bounds import LONGEST_MESSAGE, short


class AskedGroup(msgspec.Struct, frozen=True):
    """Equal pods after admission, or why it refuses them. ``replicas`` is None for one on each node.

    With ``devices_unseen`` the answer may depend on objects of resource.k8s.io that Lens can't read. With
    ``about_others`` their rules select labels whose values only controllers know: they are placed without
    these rules.
    """

    name: str
    asked: AskedPod
    charged: Charged
    replicas: int | None
    refusal: str | None = None
    not_checked: tuple[str, ...] = ()
    devices_unseen: bool = False
    about_others: bool = False


def read_group(
    group: PodGroup, namespace: str, view: FitView, bundled: BundledObjects = NO_BUNDLED_OBJECTS
) -> AskedGroup:
    """Return a group after admission, with the claims ``bundled`` with it.

    Raise ValueError, naming the field, for what can't be read.
    """
    try:
        return _read_group(group, namespace, view, bundled)
    except (ValueError, RecursionError) as error:
        text = str(error)
        field = f"{group.field}.{text}" if text.startswith("spec") else f"{group.field}: {text}"
        raise ValueError(short(field.lstrip(".: "), LONGEST_MESSAGE)) from None


def _read_group(group: PodGroup, namespace: str, view: FitView, bundled: BundledObjects) -> AskedGroup:
    template = with_stored_quantities(group.template)
    check_pod(template)
    # A DaemonSet's controller makes no pod for a node whose taints the template doesn't tolerate by itself.
    adds_tolerations = group.replicas is not None and view.fleet.adds_tolerations
    admitted = admit(template, namespace, view.policies, adds_tolerations=adds_tolerations)
    asked = read_asked_pod(msgspec.json.encode(admitted.pod))
    asked = _with_claims(asked, view, bundled)
    asked = msgspec.structs.replace(
        asked, unchecked=tuple(dict.fromkeys((*asked.unchecked, *group.unchecked)))
    )
    asked = as_bound(asked, view.fleet.devices.serving, by_daemon_set=group.replicas is None)
    charged = read_charged(admitted.pod, asked.request, group.replicas or 0)
    charged = msgspec.structs.replace(charged, objects=bundled.objects)
    return AskedGroup(
        name=group.name,
        asked=asked,
        charged=with_claimed(charged, asked, view),
        replicas=group.replicas,
        refusal=admitted.refusal or _refused_in(namespace, asked, view),
        not_checked=(*admitted.not_checked, *group.also),
        devices_unseen=may_need_unseen(asked, view),
        about_others=group.about_others,
    )


def with_claimed(charged: Charged, asked: AskedPod, view: FitView) -> Charged:
    """Return what quotas count of pods, with the claims that come with them."""
    devices = view.fleet.devices
    served = [name for name, _ in asked.request if name in devices.serving]
    # For what a node has itself kube-scheduler makes no claim there.
    nowhere = [name for name in served if not view.fleet.allocatable.get(name)]
    certain, at_most = (serving_claim(asked, devices, names) for names in (nowhere, served))
    return msgspec.structs.replace(
        charged,
        claimed=added(made_for(asked, devices), certain),
        perhaps={
            name: more for name, number in at_most.items() if (more := number - certain.get(name, 0)) > 0
        },
        shared=shared_by(asked, devices),
    )


def _refused_in(namespace: str, asked: AskedPod, view: FitView) -> str | None:
    """Return why a namespace doesn't take the pods; None if it does, as far as is known."""
    return None if "namespaces" in view.unseen else refused_in(namespace, view.policies, asked)


def _with_claims(asked: AskedPod, view: FitView, bundled: BundledObjects) -> AskedPod:
    """Return the pod with what its claims ask for: of the manifest's, or of those in the cluster."""
    claims = []
    devices = view.fleet.devices
    for each in asked.claims:
        if each.template:
            spec = bundled.templates.get(each.template) or devices.templates.get(
                (asked.namespace, each.template)
            )
            missing = None
            if spec is None:
                missing = f'resourceclaimtemplates.resource.k8s.io "{each.template}" not found'
            claims.append(msgspec.structs.replace(each, spec=spec, missing=missing))
        elif (asked.namespace, each.claim) not in devices.claims:
            claims.append(msgspec.structs.replace(each, spec=bundled.claims.get(each.claim)))
        else:
            claims.append(each)
    return msgspec.structs.replace(asked, claims=tuple(claims))
