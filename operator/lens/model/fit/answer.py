"""The whole answer to "does it fit?": all pods, quotas, and what would fit instead.

Everything is decided by the engine; nothing is estimated. The work is bounded, whatever is asked.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from lens.model.fit.admission.claim_quota import added, made_for, serving_claim, shared_by
from lens.model.fit.admission.mutation import admit
from lens.model.fit.admission.namespaces import refused_in
from lens.model.fit.admission.quota import Charged, QuotaResult, check_quotas, read_charged
from lens.model.fit.admission.validation import check_pod
from lens.model.fit.admission.workload import NOTHING_BROUGHT, Brought, PodGroup
from lens.model.fit.bound import as_bound
from lens.model.fit.deadline import Check, OutOfTimeError, no_deadline
from lens.model.fit.dra.state import Devices
from lens.model.fit.engine import Trial, fit, place
from lens.model.fit.eviction import Evictable, evictable
from lens.model.fit.feed import FitView
from lens.model.fit.nearest import Alternative, alternatives
from lens.model.fit.result import FitResult, Placement, Reason, Verdict, scheduler_message
from lens.model.fit.spec.asked import AskedPod, read_asked_pod
from lens.model.fit.spec.resources import is_extended
from lens.model.fit.spec.tolerations import Toleration
from lens.model.fit.state import Fleet, FleetNode
from lens.model.k8s.bounds import LONGEST_MESSAGE, short

MOST_WIDE = 128
"""Replicas that are placed of pods whose placement changes what other nodes can take."""

MOST_SAMPLES = 3
"""Nodes that are named for each reason."""

MOST_TRIES = 24
"""Alternatives that are tried."""

BUDGETS = "poddisruptionbudgets"

_NEVER_ELIGIBLE = frozenset({"unschedulable", "taint", "node_selector", "node_name"})


class AskedGroup(msgspec.Struct, frozen=True):
    """Equal pods after admission, or why it refuses them. ``replicas`` is None for one on each node.

    ``devices_unseen`` tells that something bears on them that isn't known of resource.k8s.io. Where their
    rules are ``about_others``, labels of which nobody knows the values yet, they are placed without rules.
    """

    name: str
    asked: AskedPod
    charged: Charged
    replicas: int | None
    refusal: str | None = None
    not_checked: tuple[str, ...] = ()
    devices_unseen: bool = False
    about_others: bool = False


class GroupResult(msgspec.Struct, frozen=True):
    """What the engine says of one group. ``samples`` has some nodes for each code of a reason."""

    name: str
    result: FitResult
    samples: Mapping[str, tuple[str, ...]] = {}


class Answer(msgspec.Struct, frozen=True):
    """The answer about all groups."""

    fits: Verdict
    replicas: int
    placed: int
    max_replicas: int | None
    groups: tuple[GroupResult, ...]
    quota: QuotaResult | None
    nearest: tuple[Alternative, ...] = ()
    evictable: Evictable | None = None
    not_checked: tuple[str, ...] = ()
    complete: bool = True


class Options(msgspec.Struct, frozen=True):
    """What answers depend on beside the question.

    ``is_gpu`` decides which resources are GPUs, ``products`` are those that there are with the selector for
    each, ``may_go_on`` says whether there is time for another alternative. Without ``alternatives`` none is
    looked for. ``check_time`` raises OutOfTimeError when there is no time for anything: what isn't decided by
    then is unknown.
    """

    is_gpu: Callable[[str], bool]
    products: Mapping[str, Callable[[AskedPod], AskedPod]] = {}
    may_go_on: Callable[[], bool] = lambda: True
    alternatives: bool = True
    check_time: Check = no_deadline


def read_group(
    group: PodGroup, namespace: str, view: FitView, brought: Brought = NOTHING_BROUGHT
) -> AskedGroup:
    """Return a group after admission, with the claims that are ``brought`` along.

    Raise ValueError, naming the field, for what can't be read.
    """
    try:
        return _read_group(group, namespace, view, brought)
    except (ValueError, RecursionError) as error:
        text = str(error)
        field = f"{group.field}.{text}" if text.startswith("spec") else f"{group.field}: {text}"
        raise ValueError(short(field.lstrip(".: "), LONGEST_MESSAGE)) from None


def _read_group(group: PodGroup, namespace: str, view: FitView, brought: Brought) -> AskedGroup:
    check_pod(group.template)
    admitted = admit(group.template, namespace, view.policies)
    asked = read_asked_pod(msgspec.json.encode(admitted.pod))
    asked = _with_claims(asked, view, brought)
    asked = msgspec.structs.replace(
        asked, unchecked=tuple(dict.fromkeys((*asked.unchecked, *group.unchecked)))
    )
    asked = as_bound(asked, view.fleet.devices.serving, by_daemon_set=group.replicas is None)
    charged = read_charged(admitted.pod, asked.request, group.replicas or 0)
    charged = msgspec.structs.replace(charged, objects=brought.objects)
    return AskedGroup(
        name=group.name,
        asked=asked,
        charged=_with_claimed(charged, asked, view),
        replicas=group.replicas,
        refusal=admitted.refusal or _refused_in(namespace, asked, view),
        not_checked=(*admitted.not_checked, *group.also),
        devices_unseen=bears_on_devices(asked, view),
        about_others=group.about_others,
    )


def _with_claimed(charged: Charged, asked: AskedPod, view: FitView) -> Charged:
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


def _with_claims(asked: AskedPod, view: FitView, brought: Brought) -> AskedPod:
    """Return the pod with what its claims ask for: of the manifest's, or of those in the cluster."""
    claims = []
    devices = view.fleet.devices
    for each in asked.claims:
        if each.template:
            spec = brought.templates.get(each.template) or devices.templates.get(
                (asked.namespace, each.template)
            )
            missing = None
            if spec is None:
                missing = f'resourceclaimtemplates.resource.k8s.io "{each.template}" not found'
            claims.append(msgspec.structs.replace(each, spec=spec, missing=missing))
        elif (asked.namespace, each.claim) not in devices.claims:
            claims.append(msgspec.structs.replace(each, spec=brought.claims.get(each.claim)))
        else:
            claims.append(each)
    return msgspec.structs.replace(asked, claims=tuple(claims))


def bears_on_devices(asked: AskedPod, view: FitView) -> bool:
    """Tell whether something that isn't known of resource.k8s.io bears on a pod."""
    if not view.devices_unseen:
        return False
    if asked.claims:
        return True
    # Classes that aren't known may serve any extended resource.
    return set(view.devices_unseen) != {"resourceclaimtemplates"} and any(
        is_extended(resource) for resource, _ in asked.request
    )


def doubted(result: FitResult, asked: AskedPod) -> FitResult:
    """Return a result where something isn't known of resource.k8s.io that may have room, or lack it."""
    if not asked.claims and result.fits != "no":
        # A resource that a node has itself is no claim's.
        return result
    named = tuple(dict.fromkeys((*result.not_checked, "dynamic_resources")))
    return msgspec.structs.replace(result, fits="unknown", complete=False, not_checked=named)


def answer(view: FitView, groups: Sequence[AskedGroup], namespace: str | None, options: Options) -> Answer:
    """Return the answer about groups of one namespace; None for no namespace, and so no quota."""
    results, fleet = _place(view.fleet, groups, options.check_time)
    quota = None
    not_checked = [name for group in groups for name in group.not_checked]
    if namespace is not None and view.policies.quotas is None:
        not_checked.append("resourcequotas")
    elif namespace is not None:
        charged = [
            msgspec.structs.replace(group.charged, replicas=each.result.replicas)
            for group, each in zip(groups, results, strict=True)
            if group.refusal is None
        ]
        quota = check_quotas(namespace, view.policies, charged)
        if _may_exceed(namespace, view, charged, quota):
            not_checked.append("resourcequotas")
    not_checked += [name for each in results for name in each.result.not_checked]
    # The engine names namespaces itself, where they bear on the pods.
    not_checked += [name for name in view.unseen if name in _ALWAYS or (namespace and name in _IN_NAMESPACES)]
    fits = _verdict(results)
    if quota is not None and (quota.exceeded or quota.refusal):
        fits = "no"
    replicas = sum(each.result.replicas for each in results)
    placed = sum(each.result.placed for each in results)
    most = None
    if len(groups) == 1 and groups[0].replicas is not None:
        most = results[0].result.max_replicas
        room = quota.most if quota is not None else None
        if room is not None:
            most = room if most is None else min(most, room)
            placed = min(placed, room)
    nearest: tuple[Alternative, ...] = ()
    found = None
    short = fits == "no" or (placed < replicas and any(each.devices_unseen for each in groups))
    if short and options.alternatives and not any(each.refusal for each in groups):
        if len(groups) == 1 and groups[0].replicas:
            nearest = tuple(_nearest(view, groups[0], placed, namespace, options))
        found = _evictable(view, groups, options)
        if found is not None and found.protected is None:
            not_checked.append(BUDGETS)
    return Answer(
        fits=fits,
        replicas=replicas,
        placed=placed,
        max_replicas=most,
        groups=tuple(_with_samples(fleet, groups, results, options.check_time)),
        quota=quota,
        nearest=nearest,
        evictable=found,
        not_checked=tuple(dict.fromkeys(not_checked)),
        complete=_is_complete(fits, not_checked, groups),
    )


_ALWAYS = frozenset({"priorityclasses"})
_IN_NAMESPACES = frozenset({"limitranges", "resourcequotas"})
"""What bears on all pods, and on all of a namespace, where it can't be read."""

_ONLY_RESTRICT = frozenset({"limitranges", "resourcequotas", "ray_submitter", BUDGETS})
"""What can turn no "no" into a "yes"."""


def _may_exceed(namespace: str, view: FitView, charged: Iterable[Charged], quota: QuotaResult) -> bool:
    """Tell whether pods exceed a quota only if they go to nodes where claims serve their resources."""
    perhaps = [msgspec.structs.replace(each, claimed=added(each.claimed, each.perhaps)) for each in charged]
    if quota.exceeded or quota.refusal or not any(each.perhaps for each in perhaps):
        return False
    return bool(check_quotas(namespace, view.policies, perhaps).exceeded)


def _is_complete(fits: Verdict, not_checked: Iterable[str], groups: Iterable[AskedGroup]) -> bool:
    harmless: set[str] = set()
    if fits == "no":
        harmless = {*_ONLY_RESTRICT, *(name for each in groups for name in each.asked.unchecked)}
    return fits != "unknown" and set(not_checked) <= harmless


def _verdict(results: Iterable[GroupResult]) -> Verdict:
    verdicts = {each.result.fits for each in results}
    return "no" if "no" in verdicts else "unknown" if "unknown" in verdicts else "yes"


def _place(fleet: Fleet, groups: Sequence[AskedGroup], check_time: Check) -> tuple[list[GroupResult], Fleet]:
    """Place the groups one after another; return the results, and the fleet with all that is placed."""
    results: list[GroupResult] = []
    for each in groups:
        try:
            result, devices = _fit(fleet, each, check_time)
        except OutOfTimeError:
            result, devices = _undecided(fleet, each), fleet.devices
        results.append(GroupResult(each.name, result))
        if len(results) < len(groups) or result.fits == "no":
            fleet = with_placed(fleet, each.asked, result.placements, devices)
    return results, fleet


def _undecided(fleet: Fleet, group: AskedGroup) -> FitResult:
    """Return the result for a group for which there was no time."""
    count = len(fleet.nodes)
    not_checked = (*group.asked.unchecked, "time")
    return FitResult("unknown", group.replicas or 0, 0, None, count, not_checked=not_checked, complete=False)


def _fit(fleet: Fleet, group: AskedGroup, check_time: Check) -> tuple[FitResult, Devices]:
    if not group.about_others:
        return _fit_as_labelled(fleet, group, check_time)
    free = msgspec.structs.replace(group.asked, spread=(), affinity=(), anti_affinity=())
    result, devices = _fit_as_labelled(fleet, msgspec.structs.replace(group, asked=free), check_time)
    if result.fits != "no":
        named = (*result.not_checked, "pod_labels")
        result = msgspec.structs.replace(
            result, fits="unknown", max_replicas=None, complete=False, not_checked=named
        )
    return result, devices


def _fit_as_labelled(fleet: Fleet, group: AskedGroup, check_time: Check) -> tuple[FitResult, Devices]:
    replicas, devices = group.replicas, fleet.devices
    if group.refusal is not None:
        reason = Reason("admission", group.refusal, len(fleet.nodes))
        refused = FitResult("no", replicas or 1, 0, 0, len(fleet.nodes), (), (reason,), group.refusal)
        return refused, devices
    if replicas is None:
        result, devices = _fit_on_each(fleet, group.asked, check_time)
    elif replicas == 0:
        result = FitResult("yes", 0, 0, None, len(fleet.nodes))
    elif replicas <= MOST_WIDE or not Trial(fleet, group.asked, check_time).is_wide:
        result, devices = place(fleet, group.asked, replicas, check_time)
    else:
        result, devices = place(fleet, group.asked, MOST_WIDE, check_time)
        if result.placed == MOST_WIDE:
            result = msgspec.structs.replace(
                result, fits="unknown", complete=False, not_checked=(*result.not_checked, "replicas")
            )
        result = msgspec.structs.replace(result, replicas=replicas)
    if group.devices_unseen:
        result = doubted(result, group.asked)
    return result, devices


def _fit_on_each(fleet: Fleet, asked: AskedPod, check_time: Check) -> tuple[FitResult, Devices]:
    """Return whether one pod fits each node that a DaemonSet takes: those that it selects and tolerates."""
    tolerations = (*asked.tolerations, *_DAEMON_TOLERATIONS)
    if asked.host_network:
        tolerations = (*tolerations, _WITHOUT_NETWORK)
    asked = msgspec.structs.replace(asked, tolerations=tolerations)
    first = fit(fleet, asked, check_time=check_time)
    trial = None if asked.gates else Trial(fleet, asked, check_time)
    rejected = {} if trial is None else trial.rejections()
    left_out = {
        name for name, each in rejected.items() if any(cause.code in _NEVER_ELIGIBLE for cause in each.causes)
    }
    names = [node.name for node in fleet.nodes if _is_named(node, asked)]
    eligible = [name for name in names if name not in left_out]
    placed = [name for name in eligible if name not in rejected]
    devices = fleet.devices
    if trial is None or trial.refused is not None:
        placed = []
    elif trial.devices is not None:
        placed = trial.place_on(placed)
        devices = trial.devices.left()
    undecided = trial is not None and trial.devices is not None and bool(trial.devices.unknown)
    fits: Verdict = "no" if len(placed) < len(eligible) else "unknown" if asked.unchecked else "yes"
    if undecided:
        fits = "unknown"
    counted: Counter[tuple[str, str, str]] = Counter(
        (cause.code, cause.message, cause.resource)
        for name in eligible
        if name in rejected
        for cause in rejected[name].causes
    )
    reasons = tuple(
        Reason(code, message, number, resource or None, dict(asked.request).get(resource))
        for (code, message, resource), number in counted.most_common()
    )
    return FitResult(
        fits=fits,
        replicas=len(eligible),
        placed=len(placed),
        max_replicas=len(placed),
        nodes=len(fleet.nodes),
        placements=tuple(Placement(name, 1) for name in placed),
        reasons=reasons or first.reasons,
        message=scheduler_message(len(fleet.nodes), reasons) if reasons else None,
        not_checked=first.not_checked,
        complete=first.complete,
    ), devices


def _is_named(node: FleetNode, asked: AskedPod) -> bool:
    names = asked.selector.node_names
    return asked.node_name in ("", node.name) and (names is None or node.name in names)


_DAEMON_TOLERATIONS = tuple(
    Toleration(f"node.kubernetes.io/{key}", "Exists", "", effect)
    for key, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    )
)
"""What the DaemonSet controller adds (pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations)."""

_WITHOUT_NETWORK = Toleration("node.kubernetes.io/network-unavailable", "Exists", "", "NoSchedule")
"""And for pods on the node's network."""


def with_placed(fleet: Fleet, asked: AskedPod, placements: Iterable[Placement], devices: Devices) -> Fleet:
    """Return the fleet with replicas of a pod on its nodes, and the devices as they leave them."""
    replicas = {each.node: each.replicas for each in placements}
    if not replicas:
        return fleet
    nodes = tuple(
        node.with_pods([asked.on(node.name)] * replicas[node.name]) if node.name in replicas else node
        for node in fleet.nodes
    )
    priorities = Counter(fleet.priorities)
    priorities[asked.priority] += sum(replicas.values())
    return Fleet(nodes, fleet.namespaces, priorities, fleet.unreadable, devices)


def _with_samples(
    fleet: Fleet, groups: Sequence[AskedGroup], results: Iterable[GroupResult], check_time: Check
) -> Iterator[GroupResult]:
    """Yield the results, with nodes for the reasons of the first group that doesn't fit."""
    done = False
    for group, each in zip(groups, results, strict=True):
        if done or each.result.fits != "no" or group.refusal is not None or group.asked.gates:
            yield each
            continue
        done = True
        samples = _samples(fleet, group.asked, each.result.reasons, check_time)
        yield msgspec.structs.replace(
            each, samples={message: tuple(names) for message, names in samples.items()}
        )


def _samples(
    fleet: Fleet, asked: AskedPod, reasons: Iterable[Reason], check_time: Check
) -> dict[str, list[str]]:
    """Return the first nodes of each reason."""
    samples: dict[str, list[str]] = {}
    # Nodes that aren't looked at are in no sample.
    missing = {each.message: min(MOST_SAMPLES, each.nodes) for each in reasons if each.code != "node_name"}
    try:
        for name, rejected in Trial(fleet, asked, check_time).rejected():
            for cause in rejected.causes:
                names = samples.setdefault(cause.message, [])
                if len(names) < MOST_SAMPLES:
                    names.append(name)
                    if len(names) == missing.get(cause.message):
                        del missing[cause.message]
            if not missing:
                break
    except OutOfTimeError:
        return {}
    return samples


# What would fit instead


def _nearest(
    view: FitView, group: AskedGroup, placed: int, namespace: str | None, options: Options
) -> Iterable[Alternative]:
    tries = MOST_TRIES

    def fits(asked: AskedPod) -> bool:
        nonlocal tries
        if tries <= 0 or not options.may_go_on():
            return False
        tries -= 1
        tried = msgspec.structs.replace(group, asked=asked)
        if namespace is not None:
            charged = msgspec.structs.replace(group.charged, request=asked.request)
            quota = check_quotas(namespace, view.policies, (_with_claimed(charged, asked, view),))
            if quota.exceeded or quota.refusal:
                return False
        try:
            return _fit(view.fleet, tried, options.check_time)[0].fits == "yes"
        except OutOfTimeError:
            return False

    return alternatives(
        view.fleet, group.asked, group.replicas or 0, placed, options.is_gpu, options.products, fits
    )


def _evictable(view: FitView, groups: Sequence[AskedGroup], options: Options) -> Evictable | None:
    """Return what pods of a lower priority hold of the GPUs that are asked for; None if there are none."""
    priority = min(each.asked.priority for each in groups)
    gpus = {name for each in groups for name, _ in each.asked.request if options.is_gpu(name)}
    if not gpus or not all(each.asked.preempts for each in groups):
        return None
    if not any(each < priority for each in view.fleet.priorities):
        return None

    def place(fleet: Fleet) -> Verdict:
        return _verdict(_place(fleet, groups, options.check_time)[0])

    budgets = None if BUDGETS in view.unseen else view.policies.budgets
    labels_count = any(
        each.asked.spread or each.asked.affinity or each.asked.anti_affinity for each in groups
    )
    try:
        return evictable(
            view.fleet, priority, gpus, budgets, place, options.check_time, labels_count=labels_count
        )
    except OutOfTimeError:
        return None
