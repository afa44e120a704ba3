"""Feeds a FitState with what lists and watches show of pods and nodes, and hands out views of it."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

import msgspec

from lens.model.fit.node import FitNode, read_fit_node
from lens.model.fit.pod import FitPod, read_fit_pod
from lens.model.fit.policies import Policies
from lens.model.fit.state import FitState, Fleet
from lens.model.inventory.pod import PodKey
from lens.model.k8s.bounds import LONGEST_MESSAGE, short
from lens.model.k8s.objects import NodeManifest, PodManifest

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", FitPod, FitNode)


class FitView(msgspec.Struct, frozen=True):
    """What a fit looks at, at one moment.

    ``policies`` are what admission adds, and the quotas. ``unseen`` has the reason, by resource, why its
    objects aren't known. ``claimed`` are the extended resources that DeviceClasses serve, and None where the
    classes aren't known.
    """

    fleet: Fleet
    policies: Policies = Policies()
    unseen: Mapping[str, str] = {}
    claimed: frozenset[str] | None = frozenset()


NOTHING_FIT = FitView(Fleet())


class Unreadable(msgspec.Struct, frozen=True):
    """Stands for an object that a fit can't read, and says why."""

    problem: str


class Feed(Generic[K, V]):
    """Give the state one resource's objects, in the order in which lists and lines arrive.

    What can't be read stays as it was known, and makes answers incomplete.
    """

    def __init__(
        self,
        stored: Callable[[], Iterable[K]],
        put: Callable[[K, V | None], None],
        put_unreadable: Callable[[Hashable], None],
    ) -> None:
        """Take the keys of what is stored, and the functions that change it."""
        self._stored = stored
        self._put: Callable[[K, V | None], None] = put
        self._put_unreadable = put_unreadable
        self._listed: dict[K, V | Unreadable | None] = {}
        self._unreadable: set[K] = set()

    def page(self, items: Mapping[K, V | Unreadable | None], *, first: bool, last: bool) -> None:
        """Apply a page of a list. The list has an effect with its last page."""
        if first:
            self._listed = {}
        self._listed.update(items)
        if not last:
            return
        listed, self._listed = self._listed, {}
        for key in [key for key in (*self._stored(), *self._unreadable) if key not in listed]:
            self.line(key, None)
        for key, view in listed.items():
            self.line(key, view)

    def line(self, key: K, view: V | Unreadable | None) -> None:
        """Apply an object's change; None removes it."""
        if isinstance(view, Unreadable):
            self._unreadable.add(key)
            self._put_unreadable(key)
        else:
            self._unreadable.discard(key)
            self._put(key, view)


def pod_feed(state: FitState) -> Feed[PodKey, FitPod]:
    """Return the feed of pods."""
    return Feed(state.pod_keys, state.put_pod, state.put_unreadable)


def node_feed(state: FitState) -> Feed[str, FitNode]:
    """Return the feed of nodes."""
    return Feed(state.node_names, state.put_node, state.put_unreadable)


def fed_pod(manifest: PodManifest) -> FitPod | Unreadable | None:
    """Return a pod as a fit looks at it."""
    try:
        return read_fit_pod(manifest)
    except (ValueError, RecursionError) as error:
        return Unreadable(short(str(error), LONGEST_MESSAGE))


def fed_node(manifest: NodeManifest) -> FitNode | Unreadable:
    """Return a node as a fit looks at it."""
    try:
        return read_fit_node(manifest)
    except (ValueError, RecursionError) as error:
        return Unreadable(short(str(error), LONGEST_MESSAGE))
