"""The whole answer to "does it fit?": all pods, quotas, and what would fit instead.

Everything is decided by the engine; nothing is estimated. The work is bounded, whatever is asked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from lens.model.fit.admission.claim_quota import added
from lens.model.fit.admission.quota import Charged, QuotaResult, check_quotas
from lens.model.fit.answer.asked_group import AskedGroup, with_claimed
from lens.model.fit.answer.nearest import Alternative, alternatives
from lens.model.fit.answer.placing import (
    GroupResult,
    fit_group,
    fit_in_another_order,
    place_groups,
    verdict,
)
from lens.model.fit.deadline import Check, OutOfTimeError, no_deadline
from lens.model.fit.eviction import Evictable, evictable
from lens.model.fit.result import Reason, Verdict
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.state import Fleet
from lens.model.fit.trial import Trial
from lens.model.fit.view import FitView

MAX_SAMPLES = 3
"""Nodes that are named for each reason."""

MAX_TRIES = 24
"""Alternatives that are tried."""

BUDGETS = "poddisruptionbudgets"

NODE_CHOICE = "node_choice"
"""Other nodes for some pods would leave room for more."""

_ALWAYS = frozenset({"priorityclasses"})
_IN_NAMESPACES = frozenset({"limitranges", "resourcequotas"})
"""Resources that matter to all pods, and to all of a namespace, if Lens can't read them."""

_ONLY_RESTRICT = frozenset({"limitranges", "resourcequotas", "ray_submitter", BUDGETS})
"""The unchecked parts that can't turn a "no" into a "yes"."""


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
    """What answers depend on besides the question.

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


def answer(view: FitView, groups: Sequence[AskedGroup], namespace: str | None, options: Options) -> Answer:
    """Return the answer about groups of one namespace; None for no namespace, and so no quota."""
    results, fleet = place_groups(view.fleet, groups, options.check_time)
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
    if fit_in_another_order(view.fleet, groups, results, options.check_time):
        not_checked.append(NODE_CHOICE)
    # The engine names namespaces itself, where they matter to the pods.
    not_checked += [name for name in view.unseen if name in _ALWAYS or (namespace and name in _IN_NAMESPACES)]
    fits = verdict(results)
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


def _may_exceed(namespace: str, view: FitView, charged: Iterable[Charged], quota: QuotaResult) -> bool:
    """Return whether pods exceed a quota only on nodes where claims serve their resources."""
    perhaps = [msgspec.structs.replace(each, claimed=added(each.claimed, each.perhaps)) for each in charged]
    if quota.exceeded or quota.refusal or not any(each.perhaps for each in perhaps):
        return False
    return bool(check_quotas(namespace, view.policies, perhaps).exceeded)


def _is_complete(fits: Verdict, not_checked: Iterable[str], groups: Iterable[AskedGroup]) -> bool:
    harmless: set[str] = set()
    if fits == "no":
        harmless = {*_ONLY_RESTRICT, *(name for each in groups for name in each.asked.unchecked)}
    return fits != "unknown" and set(not_checked) <= harmless


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
    # Nodes that aren't checked are in no sample.
    missing = {each.message: min(MAX_SAMPLES, each.nodes) for each in reasons if each.code != "node_name"}
    try:
        for name, rejected in Trial(fleet, asked, check_time).rejected():
            for cause in rejected.causes:
                names = samples.setdefault(cause.message, [])
                if len(names) < MAX_SAMPLES:
                    names.append(name)
                    if len(names) == missing.get(cause.message):
                        del missing[cause.message]
            if not missing:
                break
    except OutOfTimeError:
        return {}
    return samples


def _nearest(
    view: FitView, group: AskedGroup, placed: int, namespace: str | None, options: Options
) -> Iterable[Alternative]:
    tries = MAX_TRIES

    def fits(asked: AskedPod) -> bool:
        nonlocal tries
        if tries <= 0 or not options.may_go_on():
            return False
        tries -= 1
        tried = msgspec.structs.replace(group, asked=asked)
        if namespace is not None:
            charged = msgspec.structs.replace(group.charged, request=asked.request)
            quota = check_quotas(namespace, view.policies, (with_claimed(charged, asked, view),))
            if quota.exceeded or quota.refusal:
                return False
        try:
            return fit_group(view.fleet, tried, options.check_time)[0].fits == "yes"
        except OutOfTimeError:
            return False

    return alternatives(
        view.fleet, group.asked, group.replicas or 0, placed, options.is_gpu, options.products, fits
    )


def _evictable(view: FitView, groups: Sequence[AskedGroup], options: Options) -> Evictable | None:
    """Return the requested GPUs that pods of a lower priority hold; None if there are no such pods."""
    priority = min(each.asked.priority for each in groups)
    gpus = {name for each in groups for name, _ in each.asked.request if options.is_gpu(name)}
    if not gpus or not all(each.asked.preempts for each in groups):
        return None
    if not any(each < priority for each in view.fleet.priorities):
        return None

    def place(fleet: Fleet) -> Verdict:
        return verdict(place_groups(fleet, groups, options.check_time)[0])

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
