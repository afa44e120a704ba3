"""PodTopologySpread: constraints that are DoNotSchedule.

Source: pkg/scheduler/framework/plugins/podtopologyspread/filtering.go.
"""

from collections.abc import Sequence

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.filters.local import GateFilter
from lens.model.fit.filters.rejection import Filter, Rejection, rejection
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.matched_labels import MatchedLabels
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.spec.spread_constraints import SpreadConstraint
from lens.model.fit.state import Fleet, FleetNode

NO_DOMAIN = rejection(
    "topology_label", "node(s) didn't match pod topology spread constraints (missing required label)"
)
SKEWED = rejection("topology_spread", "node(s) didn't match pod topology spread constraints", resolvable=True)


class SpreadFilter(Filter):
    """The constraints of one pod, with the number of pods in each domain."""

    def __init__(self, asked: AskedPod, fleet: Fleet, check_time: Check = no_deadline) -> None:
        """Count the pods that each constraint selects, in the domains that it counts."""
        self._asked = asked
        self._gates = GateFilter(asked)
        self._has_nominated = bool(fleet.nominated)
        self._keys = tuple(constraint.topology_key for constraint in asked.spread)
        self._constraints = [_Domains(constraint, asked) for constraint in asked.spread]
        if any(each.counts_itself for each in self._constraints):
            self.topology_keys = frozenset(self._keys)
        for node in fleet.nodes:
            check_time()
            if self._has_domains(node):
                pods = node.pods.get(asked.namespace, ())
                for domains in self._constraints:
                    if self._includes(domains.constraint, node):
                        domains.count(node, pods)

    def check(self, node: FleetNode, nominated: Sequence[FitPod] = ()) -> Rejection | None:
        """Return why the pod can't go to a node, or None if it can."""
        counts = bool(nominated) and self._has_domains(node)
        for domains in self._constraints:
            domain = node.labels.get(domains.constraint.topology_key)
            if domain is None:
                return NO_DOMAIN
            more = 0
            if counts and self._includes(domains.constraint, node):
                more = sum(
                    pod.namespace == self._asked.namespace and domains.matched.of(pod.labels)
                    for pod in nominated
                )
            if domains.skew(domain, more) > domains.constraint.max_skew:
                return SKEWED
        return None

    def place(self, node: FleetNode) -> bool:
        """Note that a replica of the pod is on a node from now on."""
        # With nominated pods a node's domains have another minimum than without them.
        lifted = self._has_nominated
        if self._has_domains(node):
            for domains in self._constraints:
                if self._includes(domains.constraint, node):
                    least = domains.least
                    domains.count(node, (self._asked.on(node.name),))
                    lifted = lifted or domains.least > least
        return lifted

    @property
    def has_met_unknown(self) -> bool:
        """Return whether it would have to know labels of pods that are UNKNOWN_LABELS."""
        return any(each.matched.has_met_unknown for each in self._constraints)

    def _has_domains(self, node: FleetNode) -> bool:
        return all(key in node.labels for key in self._keys)

    def _includes(self, constraint: SpreadConstraint, node: FleetNode) -> bool:
        if constraint.honors_affinity and not self._asked.selector.matches(node.name, node.labels):
            return False
        return not constraint.honors_taints or self._gates.tolerates_taints(node.gate)


class _Domains:
    """The number of selected pods in each domain of a constraint."""

    def __init__(self, constraint: SpreadConstraint, asked: AskedPod) -> None:
        self.constraint = constraint
        self.matched = MatchedLabels(constraint.selector)
        self._itself = int(self.matched.of(asked.labels))
        # As in the scheduler, a selector without requirements counts no pods on nodes.
        self._counts = constraint.selector is not None and bool(constraint.selector.requirements)
        self.counts_itself = self._counts and bool(self._itself)
        self._pods: dict[str, int] = {}
        self._least: int | None = None

    def count(self, node: FleetNode, pods: Sequence[FitPod]) -> None:
        domain = node.labels[self.constraint.topology_key]
        found = 0
        if self._counts:
            found = sum(not pod.terminating and self.matched.of(pod.labels) for pod in pods)
        self._pods[domain] = self._pods.get(domain, 0) + found
        self._least = None

    def skew(self, domain: str, more: int) -> int:
        """Return by how much a domain with the pod, and with ``more`` others, exceeds the least."""
        there = self._pods.get(domain, 0) + more
        return there + self._itself - self._minimum(domain, more)

    def _minimum(self, domain: str, more: int) -> int:
        if len(self._pods) < self.constraint.min_domains:
            return 0
        if more:
            return min(pods + more * (name == domain) for name, pods in self._pods.items())
        return self.least

    @property
    def least(self) -> int:
        """Return the least number of pods in a domain."""
        if self._least is None:
            self._least = min(self._pods.values(), default=2**31 - 1)
        return self._least
