"""Which nodes a pod selects: nodeSelector and the required terms of its node affinity.

Source: k8s.io/component-helpers, scheduling/corev1/nodeaffinity; NodeAffinity's PreFilter for ``node_names``.
"""

from collections.abc import Mapping

import msgspec

from lens.model.fit.spec.selectors import (
    SET_OPERATORS,
    Labels,
    Requirement,
    RequirementManifest,
    UnparsableError,
    read_requirement,
)
from lens.model.k8s.bounds import MAX_REQUIREMENTS, MAX_TERMS
from lens.model.k8s.objects import Manifest

NAME = "metadata.name"
"""The only field of a node that affinity may name."""

_LABEL_OPERATORS = SET_OPERATORS | {"Gt", "Lt"}


class NodeTermManifest(Manifest):
    """A NodeSelectorTerm (core/v1)."""

    match_expressions: list[RequirementManifest] | None = None
    match_fields: list[RequirementManifest] | None = None


class NodeSelectorManifest(Manifest):
    """A NodeSelector (core/v1)."""

    node_selector_terms: list[NodeTermManifest] | None = None


class NodeAffinityManifest(Manifest):
    """The required part of a NodeAffinity (core/v1)."""

    required: NodeSelectorManifest | None = msgspec.field(
        default=None, name="requiredDuringSchedulingIgnoredDuringExecution"
    )


class NameRequirement(msgspec.Struct, frozen=True, gc=False):
    """What a field of the node has to be, or not to be; only ``metadata.name`` has a value."""

    field: str
    value: str
    equal: bool

    def matches(self, name: str) -> bool:
        """Return whether a node with that name is as required."""
        return ((name if self.field == NAME else "") == self.value) is self.equal


class NodeTerm(msgspec.Struct, frozen=True, gc=False):
    """Requirements on a node's labels and name that all have to be met."""

    labels: tuple[Requirement, ...]
    names: tuple[NameRequirement, ...]


class NodeSelector(msgspec.Struct, frozen=True, gc=False):
    """The nodes that a pod selects: those with all ``labels`` that meet one of ``terms``, if it has terms.

    ``node_names`` are the only nodes that are checked, where every term names some; empty where those
    contradict each other.
    """

    labels: tuple[tuple[str, str], ...] = ()
    terms: tuple[NodeTerm, ...] | None = None
    node_names: frozenset[str] | None = None

    def matches(self, name: str, labels: Labels) -> bool:
        """Return whether a node is selected."""
        for key, value in self.labels:
            if labels.get(key) != value:
                return False
        if self.terms is None:
            return True
        return any(
            all(each.matches(labels) for each in term.labels)
            and all(each.matches(name) for each in term.names)
            for term in self.terms
        )


ANY_NODE = NodeSelector()


def read_node_selector(
    labels: Mapping[str, str] | None, affinity: NodeAffinityManifest | None
) -> NodeSelector:
    """Return the selection. A term that Kubernetes can't parse selects no node.

    Raise ValueError, naming the field, for too much.
    """
    if len(labels or ()) > MAX_REQUIREMENTS:
        raise ValueError(f"spec.nodeSelector: more than {MAX_REQUIREMENTS} labels")
    wanted = tuple(sorted((labels or {}).items()))
    required = affinity.required if affinity is not None else None
    if required is None:
        return NodeSelector(wanted) if wanted else ANY_NODE
    terms = required.node_selector_terms or []
    if len(terms) > MAX_TERMS:
        raise ValueError(f"spec.affinity.nodeAffinity: {len(terms)} terms are more than {MAX_TERMS}")
    parsed = (_read_term(term) for term in terms)
    return NodeSelector(wanted, tuple(term for term in parsed if term is not None), _node_names(terms))


def _read_term(term: NodeTermManifest) -> NodeTerm | None:
    """Return a term; None for one that is empty or that Kubernetes can't parse."""
    expressions, fields = term.match_expressions or [], term.match_fields or []
    if not expressions and not fields:
        return None
    if len(expressions) + len(fields) > MAX_REQUIREMENTS:
        raise ValueError(f"spec.affinity.nodeAffinity: a term has more than {MAX_REQUIREMENTS} requirements")
    try:
        labels = tuple(read_requirement(each, _LABEL_OPERATORS) for each in expressions)
    except UnparsableError:
        return None
    except ValueError as error:
        raise ValueError(f"spec.affinity.nodeAffinity: {error}") from None
    names = []
    for each in fields:
        if each.operator not in ("In", "NotIn") or len(each.values or ()) != 1:
            return None
        names.append(NameRequirement(each.key, (each.values or [""])[0], each.operator == "In"))
    return NodeTerm(labels, tuple(names))


def _node_names(terms: list[NodeTermManifest]) -> frozenset[str] | None:
    """Return the nodes that the terms name, all of them together; None if a term names none."""
    names: frozenset[str] = frozenset()
    for term in terms:
        named = [
            frozenset(each.values or ())
            for each in term.match_fields or ()
            if each.key == NAME and each.operator == "In"
        ]
        if not named:
            return None
        names |= frozenset.intersection(*named)
    return names if terms else None
