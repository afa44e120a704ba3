"""InterPodAffinity: required affinity and anti-affinity, of the pod and of existing pods.

Source: pkg/scheduler/framework/plugins/interpodaffinity/filtering.go, without the alpha gate
InterPodAffinityHostnameFastPath, which decides the same faster.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from lens.model.fit.deadline import Check, no_deadline
from lens.model.fit.filters.rejection import Filter, Rejection, rejection
from lens.model.fit.spec.affinity_terms import AffinityTerm, Terms
from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.labels import UNKNOWN_LABELS, FlatLabels
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import NO_LABELS, Fleet, FleetNode

NO_FRIEND = rejection("pod_affinity", "node(s) didn't match pod affinity rules")
UNWANTED_THERE = rejection(
    "pod_anti_affinity", "node(s) didn't match pod anti-affinity rules", resolvable=True
)
NOT_WANTED = rejection(
    "existing_anti_affinity", "node(s) didn't satisfy existing pods anti-affinity rules", resolvable=True
)

Domains = dict[str, Counter[str]]
"""How many pods there are in each domain: by a label of nodes, and by its value."""


class PodAffinityFilter(Filter):
    """How many pods in each domain attract the pod, repel it, or are repelled by it."""

    def __init__(self, asked: AskedPod, fleet: Fleet, check_time: Check = no_deadline) -> None:
        """Count the pods on all nodes."""
        self._check_time = check_time
        self._asked = asked
        known = fleet.namespaces or {}
        self._namespace_labels = known.get(asked.namespace, NO_LABELS)
        self._affinity = [_OwnTerm(term, known) for term in asked.affinity]
        self._anti_affinity = [_OwnTerm(term, known) for term in asked.anti_affinity]
        self._attracting: Domains = {}
        self._repelled: Domains = {}
        self._repelling: Domains = {}
        self._repelled_keys: dict[int, tuple[Terms, tuple[str, ...]]] = {}
        self._effects: dict[str, dict[int, _Effect]] = {}
        itself = asked.on("")
        self._wants_itself = self._effect(itself).attracts
        own = [*self._affinity, *self._anti_affinity]
        for position in fleet.repelling:
            node = fleet.nodes[position]
            self._count_repelling(node, node.repelling, self._repelling)
        namespaces = _all_namespaces(own)
        for node in fleet.nodes if own else ():
            for namespace in node.pods if namespaces is None else namespaces:
                if namespace in node.pods:
                    self._count_pods(node, namespace, node.pods[namespace])
        if self._effect(itself).counts or self._repelled_by(asked.anti_affinity):
            keys = {each.term.topology_key for each in own} | self._repelling.keys()
            self.topology_keys = frozenset(keys)
        self.applies = bool(own or self._repelling)
        """Whether anything can keep the pod off a node, as long as no replica is placed."""

    def check(self, node: FleetNode, nominated: Sequence[FitPod] = ()) -> Rejection | None:
        """Return why the pod can't go to a node, or None if it can."""
        if not self.applies:
            return None
        attracting, repelled, repelling = self._attracting, self._repelled, self._repelling
        if nominated:
            attracting, repelled, repelling = _copy(attracting), _copy(repelled), _copy(repelling)
            for pod in nominated:
                self._count_own(node, pod, attracting, repelled)
            self._count_repelling(node, nominated, repelling)
        if self._affinity and not self._is_attracted(node, attracting):
            return NO_FRIEND
        labels = node.labels
        for own in self._anti_affinity:
            if _is_counted(node, own.term.topology_key, repelled):
                return UNWANTED_THERE
        if any(labels.get(key) in values for key, values in repelling.items()):
            return NOT_WANTED
        return None

    def place(self, node: FleetNode) -> bool:
        """Note that a replica of the pod is on a node from now on."""
        pod = self._asked.on(node.name)
        before = sum(map(len, self._attracting.values()))
        self._count_own(node, pod, self._attracting, self._repelled)
        self._count_repelling(node, (pod,), self._repelling)
        return sum(map(len, self._attracting.values())) > before

    @property
    def has_met_unknown(self) -> bool:
        """Return whether it would have to know labels of pods that are UNKNOWN_LABELS."""
        return any(
            own.looks_at_labels(namespace)
            for namespace, effects in self._effects.items()
            if id(UNKNOWN_LABELS) in effects
            for own in (*self._affinity, *self._anti_affinity)
        )

    def _is_attracted(self, node: FleetNode, attracting: Domains) -> bool:
        keys = [own.term.topology_key for own in self._affinity]
        if not all(key in node.labels for key in keys):
            return False
        found = all(_is_counted(node, key, attracting) for key in keys)
        # The first of several pods with affinity to each other may go anywhere.
        return found or (self._wants_itself and not attracting)

    def _count_pods(self, node: FleetNode, namespace: str, pods: Sequence[FitPod]) -> None:
        effects = self._effects.setdefault(namespace, {})
        for pod in pods:
            effect = effects.get(id(pod.labels)) or self._effect(pod)
            if effect.counts:
                self._count_own(node, pod, self._attracting, self._repelled)

    def _count_own(self, node: FleetNode, pod: FitPod, attracting: Domains, repelled: Domains) -> None:
        effect = self._effect(pod)
        if effect.attracts:
            for own in self._affinity:
                _count(node, own.term.topology_key, attracting)
        for key in effect.repelled:
            _count(node, key, repelled)

    def _effect(self, pod: FitPod) -> "_Effect":
        """Return the effect of an existing pod on the pod. Many pods share labels and effect."""
        effects = self._effects.setdefault(pod.namespace, {})
        found = effects.get(id(pod.labels))
        if found is None:
            self._check_time()
            labels = pod.labels
            attracts = bool(self._affinity) and all(
                own.selects(pod.namespace, labels) for own in self._affinity
            )
            repelled = tuple(
                own.term.topology_key for own in self._anti_affinity if own.selects(pod.namespace, labels)
            )
            found = effects[id(pod.labels)] = _Effect(pod.labels, attracts, repelled)
        return found

    def _count_repelling(self, node: FleetNode, pods: Sequence[FitPod], repelling: Domains) -> None:
        for pod in pods:
            for key in self._repelled_by(pod.anti_terms):
                _count(node, key, repelling)

    def _repelled_by(self, terms: Terms) -> tuple[str, ...]:
        """Return the topology keys of the terms that are about the pod."""
        found = self._repelled_keys.get(id(terms))
        if found is None:
            self._check_time()
            keys = tuple(
                term.topology_key
                for term in terms
                if term.includes(self._asked.namespace, self._namespace_labels)
                and term.selects(self._asked.labels)
            )
            found = self._repelled_keys[id(terms)] = (terms, keys)
        return found[1]


class _OwnTerm:
    """A term of the pod itself, with the existing namespaces that it selects."""

    def __init__(self, term: AffinityTerm, known: Mapping[str, Mapping[str, str]]) -> None:
        self.term = term
        selector = term.namespace_selector
        self.namespaces: frozenset[str] | None = frozenset(term.namespaces)
        if selector is not None and not selector.requirements:
            self.namespaces = None
        elif selector is not None:
            self.namespaces |= {name for name, labels in known.items() if selector.matches(labels)}

    def includes(self, namespace: str) -> bool:
        return self.namespaces is None or namespace in self.namespaces

    def selects(self, namespace: str, labels: FlatLabels) -> bool:
        return self.includes(namespace) and self.term.selects(labels)

    def looks_at_labels(self, namespace: str) -> bool:
        selector = self.term.selector
        return selector is not None and bool(selector.requirements) and self.includes(namespace)


class _Effect:
    """Whether pods with some labels attract the pod, and the topology keys of the terms that repel them."""

    __slots__ = ("attracts", "counts", "labels", "repelled")

    def __init__(self, labels: FlatLabels, attracts: bool, repelled: tuple[str, ...]) -> None:
        self.labels = labels  # kept, since they are found by their id
        self.attracts = attracts
        self.repelled = repelled
        self.counts = attracts or bool(repelled)


def _all_namespaces(terms: Sequence[_OwnTerm]) -> Sequence[str] | None:
    """Return the namespaces that some term is about; None for all."""
    found: set[str] = set()
    for own in terms:
        if own.namespaces is None:
            return None
        found |= own.namespaces
    return sorted(found)


def _count(node: FleetNode, key: str, domains: Domains) -> None:
    value = node.labels.get(key)
    if value is not None:
        domains.setdefault(key, Counter())[value] += 1


def _is_counted(node: FleetNode, key: str, domains: Domains) -> bool:
    return key in domains and node.labels.get(key) in domains[key]


def _copy(domains: Domains) -> Domains:
    return {key: Counter(values) for key, values in domains.items()}
