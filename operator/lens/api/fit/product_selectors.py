"""Pods on the nodes with one GPU product, which a question names or an alternative tries."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.node_selectors import NodeSelector, NodeTerm
from lens.model.fit.spec.selectors import Requirement
from lens.model.fit.state import Fleet
from lens.model.k8s.vendors import PRODUCT_LABELS, product_named


def product_values(fleet: Fleet) -> Mapping[tuple[str, str], int]:
    """Return the number of nodes with each value of each product label."""
    return Counter(
        (label, node.labels[label])
        for node in fleet.nodes
        for label in PRODUCT_LABELS
        if label in node.labels
    )


def of_product(product: str, values: Iterable[tuple[str, str]], asked: AskedPod) -> AskedPod:
    """Return the pod on nodes with a product: whose labels have one of these ``values`` that names it."""
    named = [(label, value) for label, value in values if product_named(label, value) == product]
    # Where no node has it, the selector that a user would write: no node matches.
    terms = tuple(
        NodeTerm(
            (Requirement(label, "In", tuple(value for key, value in named if key == label) or (product,)),),
            (),
        )
        for label in PRODUCT_LABELS
    )
    return msgspec.structs.replace(asked, selector=NodeSelector(asked.selector.labels, terms))
