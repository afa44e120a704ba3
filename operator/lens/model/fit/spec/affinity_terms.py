"""Required terms of inter-pod affinity: which pods have to be near, or must not be.

Source: ``AffinityTerm`` in k8s.io/kube-scheduler, framework/types.go.
"""

from functools import lru_cache

import msgspec

from lens.model.fit.spec.labels import FlatLabels
from lens.model.fit.spec.selectors import Labels, Selector, SelectorManifest, read_selector
from lens.model.k8s.bounds import MAX_TERMS, MAX_VALUES
from lens.model.k8s.objects import Manifest


class PodAffinityTermManifest(Manifest):
    """A PodAffinityTerm (core/v1). The apiserver, or admission here, has merged ``matchLabelKeys`` into the
    selector."""

    label_selector: SelectorManifest | None = None
    namespaces: list[str] | None = None
    namespace_selector: SelectorManifest | None = None
    topology_key: str = ""


class PodAffinityManifest(Manifest):
    """The required terms of a PodAffinity or a PodAntiAffinity (core/v1)."""

    terms: list[PodAffinityTermManifest] | None = msgspec.field(
        default=None, name="requiredDuringSchedulingIgnoredDuringExecution"
    )


class AffinityTerm(msgspec.Struct, frozen=True, gc=False):
    """Pods that a selector selects, in some namespaces, and the label of nodes that says what is near.

    A selector of None selects nothing; one without requirements selects everything.
    """

    topology_key: str
    selector: Selector | None
    namespaces: tuple[str, ...]
    namespace_selector: Selector | None = None

    def includes(self, namespace: str, namespace_labels: Labels) -> bool:
        """Return whether the term is about the pods of a namespace."""
        return namespace in self.namespaces or (
            self.namespace_selector is not None and self.namespace_selector.matches(namespace_labels)
        )

    def selects(self, labels: FlatLabels) -> bool:
        """Return whether the term is about pods with these labels, where it is about their namespace."""
        return self.selector is not None and self.selector.matches_flat(labels)


Terms = tuple[AffinityTerm, ...]


def read_terms(manifest: PodAffinityManifest | None, namespace: str) -> Terms:
    """Return the required terms of a pod in ``namespace``.

    Raise ValueError, naming the field, if Kubernetes can't parse one: kube-scheduler then ignores all.
    """
    terms = (manifest and manifest.terms) or []
    if len(terms) > MAX_TERMS:
        raise ValueError(f"{len(terms)} terms are more than {MAX_TERMS}")
    read = []
    for index, term in enumerate(terms):
        try:
            read.append(_read_term(term, namespace))
        except ValueError as error:
            raise ValueError(f"requiredDuringSchedulingIgnoredDuringExecution[{index}].{error}") from None
    return _share_terms(tuple(read))


def _read_term(term: PodAffinityTermManifest, namespace: str) -> AffinityTerm:
    namespaces = term.namespaces or []
    if len(namespaces) > MAX_VALUES:
        raise ValueError(f"namespaces: {len(namespaces)} are more than {MAX_VALUES}")
    if not namespaces and term.namespace_selector is None:
        namespaces = [namespace]
    try:
        selector = read_selector(term.label_selector)
    except ValueError as error:
        raise ValueError(f"labelSelector.{error}") from None
    try:
        namespace_selector = read_selector(term.namespace_selector)
    except ValueError as error:
        raise ValueError(f"namespaceSelector.{error}") from None
    return AffinityTerm(term.topology_key, selector, tuple(sorted(namespaces)), namespace_selector)


@lru_cache(maxsize=4096)
def _share_terms(terms: Terms) -> Terms:
    return terms
