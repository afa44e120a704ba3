"""The reasons why a filter rejects a node."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

import msgspec

from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import Fleet, FleetNode


class Cause(msgspec.Struct, frozen=True, gc=False):
    """One reason why a pod can't go to a node.

    ``message`` is in kube-scheduler's words. ``resource`` is the one that is short, where one is.
    """

    code: str
    message: str
    resource: str = ""


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """The causes at one node. ``resolvable``: the scheduler would search the node for pods to preempt."""

    causes: tuple[Cause, ...]
    resolvable: bool = False


def rejection(code: str, message: str, *, resolvable: bool = False) -> Rejection:
    """Return a rejection with one cause."""
    return Rejection((Cause(code, message),), resolvable)


class Filter(ABC):
    """One of the scheduler's filters, for one pod and one fleet.

    The scheduler asks one filter after another about a node, and the first that rejects it says why.

    A filter that also reads the pods on other nodes has ``topology_keys``: it says the same of all nodes
    that have the same values of these labels.
    """

    topology_keys: frozenset[str] = frozenset()

    @property
    def has_met_unknown(self) -> bool:
        """Return whether it would have to know labels of pods that are UNKNOWN_LABELS."""
        return False

    @abstractmethod
    def check(self, node: FleetNode, nominated: Sequence[FitPod] = ()) -> Rejection | None:
        """Return why the pod can't go to a node, or None if it can.

        ``node`` has the ``nominated`` pods on it already.
        """

    def filter_nodes(self, positions: Sequence[int], fleet: Fleet, tally: "Tally") -> Sequence[int]:
        """Return the positions of the nodes that the pod can go to, and tally what rejects the others."""
        check, nodes = self.check, fleet.nodes
        left = []
        for position in positions:
            rejected = check(nodes[position])
            if rejected is None:
                left.append(position)
            else:
                tally.add(rejected)
        return left

    def place(self, node: FleetNode) -> bool:
        """Note that a replica of the pod is on a node from now on.

        Return whether a node that was rejected may fit since.
        """
        return False


class Tally:
    """How many nodes have each rejection."""

    def __init__(self) -> None:
        """Start without any."""
        self._counts: dict[int, tuple[Rejection, int]] = {}

    def add(self, rejected: Rejection, nodes: int = 1) -> None:
        """Count a rejection of some nodes."""
        # Filters make each rejection once, and hashing it would take longer than the filter.
        before = self._counts.get(id(rejected))
        self._counts[id(rejected)] = (rejected, nodes + (before[1] if before else 0))

    def copy(self) -> "Tally":
        """Return another tally of the same."""
        tally = Tally()
        tally._counts = self._counts.copy()
        return tally

    def causes(self) -> Counter[Cause]:
        """Return how many nodes have each cause."""
        causes: Counter[Cause] = Counter()
        for rejected, nodes in self._counts.values():
            for cause in rejected.causes:
                causes[cause] += nodes
        return causes

    @property
    def resolvable(self) -> bool:
        """Return whether a node's rejection is."""
        return any(rejected.resolvable for rejected, _ in self._counts.values())
