"""Topology spread constraints that are DoNotSchedule: how evenly pods have to be spread.

Source: pkg/scheduler/framework/plugins/podtopologyspread/common.go. The scheduler's own default constraints
are ScheduleAnyway, so they keep no pod off a node.
"""

from collections.abc import Mapping

import msgspec

from lens.model.fit.spec.selectors import Selector, SelectorManifest, read_selector
from lens.model.k8s.bounds import MAX_TERMS
from lens.model.k8s.objects import Manifest


class SpreadConstraintManifest(Manifest):
    """A TopologySpreadConstraint (core/v1)."""

    max_skew: int = 1
    topology_key: str = ""
    when_unsatisfiable: str = ""
    label_selector: SelectorManifest | None = None
    min_domains: int | None = None
    node_affinity_policy: str | None = None
    node_taints_policy: str | None = None
    match_label_keys: list[str] | None = None


class SpreadConstraint(msgspec.Struct, frozen=True, gc=False):
    """A constraint. A selector of None counts no pods."""

    topology_key: str
    selector: Selector | None
    max_skew: int = 1
    min_domains: int = 1
    honors_affinity: bool = True
    honors_taints: bool = False


def read_constraints(
    manifests: list[SpreadConstraintManifest] | None, labels: Mapping[str, str]
) -> tuple[SpreadConstraint, ...]:
    """Return the constraints that keep a pod with these ``labels`` off nodes.

    Raise ValueError, naming the field, for what Kubernetes can't parse and for too many.
    """
    if len(manifests or ()) > MAX_TERMS:
        raise ValueError(f"spec.topologySpreadConstraints: {len(manifests or ())} are more than {MAX_TERMS}")
    constraints = []
    for index, each in enumerate(manifests or ()):
        if each.when_unsatisfiable != "DoNotSchedule":
            continue
        try:
            selector = read_selector(each.label_selector)
        except ValueError as error:
            raise ValueError(f"spec.topologySpreadConstraints[{index}].labelSelector.{error}") from None
        if selector is not None:
            keys = each.match_label_keys or ()
            selector = selector.and_in({key: labels[key] for key in keys if key in labels})
        constraints.append(
            SpreadConstraint(
                topology_key=each.topology_key,
                selector=selector,
                max_skew=each.max_skew,
                min_domains=1 if each.min_domains is None else each.min_domains,
                honors_affinity=each.node_affinity_policy in (None, "Honor"),
                honors_taints=each.node_taints_policy == "Honor",
            )
        )
    return tuple(constraints)
