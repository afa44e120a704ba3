"""Places groups of pods one after another. Each gets what the earlier ones leave free."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from lens.model.fit.answer.asked_group import AskedGroup
from lens.model.fit.answer.daemon_set import fit_on_each
from lens.model.fit.answer.unseen_devices import as_unknown
from lens.model.fit.deadline import Check, OutOfTimeError
from lens.model.fit.dra.state import Devices
from lens.model.fit.engine import place
from lens.model.fit.result import FitResult, Placement, Reason, Verdict
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.resources import is_extended
from lens.model.fit.state import Fleet
from lens.model.fit.trial import Trial

MAX_WIDE = 128
"""The most placed replicas of pods whose placement changes which other nodes fit."""


class GroupResult(msgspec.Struct, frozen=True):
    """The engine's result for one group. ``samples`` has some nodes for each code of a reason."""

    name: str
    result: FitResult
    samples: Mapping[str, tuple[str, ...]] = {}


def place_groups(
    fleet: Fleet, groups: Sequence[AskedGroup], check_time: Check
) -> tuple[list[GroupResult], Fleet]:
    """Place the groups one after another; return the results, and the fleet with all that is placed."""
    results: list[GroupResult] = []
    for each in groups:
        try:
            result, devices = fit_group(fleet, each, check_time)
        except OutOfTimeError:
            result, devices = _undecided(fleet, each), fleet.devices
        results.append(GroupResult(each.name, result))
        if len(results) < len(groups) or result.fits == "no":
            fleet = with_placed(fleet, each.asked, result.placements, devices)
    return results, fleet


def fit_in_another_order(
    fleet: Fleet, groups: Sequence[AskedGroup], results: Sequence[GroupResult], check_time: Check
) -> bool:
    """Return whether all groups, of which one doesn't fit after the others, fit in another order.

    Then kube-scheduler, which chooses nodes by scores of its own, may place them all.
    """
    position = next((index for index, each in enumerate(results) if each.result.fits == "no"), 0)
    if position == 0 or any(each.refusal for each in groups):
        return False
    first = [groups[position], *groups[:position], *groups[position + 1 :]]
    largest_first = sorted(groups, key=_largest_request, reverse=True)
    return any(
        verdict(place_groups(fleet, order, check_time)[0]) == "yes" for order in (first, largest_first)
    )


def _largest_request(group: AskedGroup) -> int:
    """Return the largest number of units that a pod requests of an extended resource."""
    return max((amount for name, amount in group.asked.request if is_extended(name)), default=0)


def _undecided(fleet: Fleet, group: AskedGroup) -> FitResult:
    """Return the result for a group that wasn't reached in time."""
    count = len(fleet.nodes)
    not_checked = (*group.asked.unchecked, "time")
    return FitResult("unknown", group.replicas or 0, 0, None, count, not_checked=not_checked, complete=False)


def fit_group(fleet: Fleet, group: AskedGroup, check_time: Check) -> tuple[FitResult, Devices]:
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
        result, devices = fit_on_each(fleet, group.asked, check_time)
    elif replicas == 0:
        result = FitResult("yes", 0, 0, None, len(fleet.nodes))
    elif replicas <= MAX_WIDE or not Trial(fleet, group.asked, check_time).is_wide:
        result, devices = place(fleet, group.asked, replicas, check_time)
    else:
        result, devices = place(fleet, group.asked, MAX_WIDE, check_time)
        if result.placed == MAX_WIDE:
            result = msgspec.structs.replace(
                result, fits="unknown", complete=False, not_checked=(*result.not_checked, "replicas")
            )
        result = msgspec.structs.replace(result, replicas=replicas)
    if group.devices_unseen:
        result = as_unknown(result, group.asked)
    return result, devices


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


def verdict(results: Iterable[GroupResult]) -> Verdict:
    verdicts = {each.result.fits for each in results}
    return "no" if "no" in verdicts else "unknown" if "unknown" in verdicts else "yes"
