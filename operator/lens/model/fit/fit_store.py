"""Applies lists and watches to the state of the fit engine, and reads its objects."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial
from itertools import chain
from typing import Any, Generic, TypeVar

import msgspec

from lens.model.fit.dra.objects import (
    FitClaim,
    FitClass,
    claim_of,
    read_claim_template,
    read_class,
    read_taint_rule,
)
from lens.model.fit.dra.slices import Slice, slice_of
from lens.model.fit.dra.state import DeviceState
from lens.model.fit.pending import PendingPod, read_pending
from lens.model.fit.spec.node import FitNode, read_fit_node
from lens.model.fit.spec.pod import FitPod, read_fit_pod
from lens.model.fit.state import FitState
from lens.model.inventory.decoding.decoder import Document
from lens.model.inventory.objects.claim import Claim
from lens.model.inventory.objects.device_class import DeviceClass
from lens.model.inventory.objects.node import Node
from lens.model.inventory.objects.pod import Pod, PodKey
from lens.model.k8s.bounds import LONGEST_MESSAGE, short
from lens.model.k8s.dra.objects import ClaimManifest
from lens.model.k8s.dra.slices import SliceManifest
from lens.model.k8s.objects import NodeManifest, PodManifest

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Unreadable(msgspec.Struct, frozen=True):
    """An object that the fit engine can't read, and why. ``part`` is what it can read of it."""

    problem: str
    part: Any = None


class FitStore(Generic[K, V]):
    """Apply one resource's lists and lines in the order in which they arrive.

    What can't be read stays as it was known, or is as far as it can be read, and makes answers incomplete.
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
        self.is_listing = False
        """Whether it is a list whose objects are being applied."""

    def apply_page(self, items: Mapping[K, V | Unreadable | None], *, first: bool, last: bool) -> None:
        """Apply a page of a list. The list has an effect with its last page."""
        if first:
            self._listed = {}
        self._listed.update(items)
        if not last:
            return
        listed, self._listed = self._listed, {}
        self.is_listing = True
        try:
            self._apply(listed)
        finally:
            self.is_listing = False

    def _apply(self, listed: Mapping[K, V | Unreadable | None]) -> None:
        for key in [key for key in (*self._stored(), *self._unreadable) if key not in listed]:
            self.apply_line(key, None)
        for key, view in listed.items():
            self.apply_line(key, view)

    def clear(self) -> None:
        """Remove everything, until the next list is complete."""
        for key in [*self._stored(), *self._unreadable]:
            self.apply_line(key, None)

    def apply_line(self, key: K, view: V | Unreadable | None) -> None:
        """Apply an object's change; None removes it."""
        if isinstance(view, Unreadable):
            if view.part is not None:
                self._put(key, view.part)
            self._unreadable.add(key)
            self._put_unreadable(key)
        else:
            if self._unreadable:
                self._unreadable.discard(key)
            self._put(key, view)


class Pending:
    """The pending pods. It has one writer."""

    def __init__(self) -> None:
        """Start without any."""
        self._pods: dict[PodKey, PendingPod] = {}
        self._view: Mapping[PodKey, PendingPod] = {}
        self._stale = False

    def put(self, key: PodKey, pod: PendingPod | None) -> None:
        """Store a pod; None removes it."""
        if self._pods.get(key) == pod:
            return
        self._stale = True
        if pod is None:
            del self._pods[key]
        else:
            self._pods[key] = pod

    def get(self, key: PodKey) -> PendingPod | None:
        """Return a pod; None for one that isn't stored."""
        return self._pods.get(key)

    def keys(self) -> Iterable[PodKey]:
        """Return the keys of what is stored."""
        return self._pods

    def view(self) -> Mapping[PodKey, PendingPod]:
        """Return the pods in a mapping that doesn't change any more."""
        if self._stale:
            self._view, self._stale = dict(self._pods), False
        return self._view


OnPending = Callable[[PodKey, PendingPod, FitPod | PendingPod | None, bool], object]
"""Called before a pending pod changes, with its key, both versions, and whether a list has the change."""


def pod_store(
    state: FitState, pending: Pending, on_pending: OnPending = lambda *_: None
) -> FitStore[PodKey, FitPod | PendingPod]:
    """Return the store of pods."""

    def put(key: PodKey, pod: FitPod | PendingPod | None) -> None:
        before = pending.get(key)
        if before is not None:
            on_pending(key, before, pod, fit_store.is_listing)
        if isinstance(pod, PendingPod):
            pending.put(key, pod)
            state.put_pod(key, pod.nominated)
        else:
            if before is not None:
                pending.put(key, None)
            state.put_pod(key, pod)

    fit_store: FitStore[PodKey, FitPod | PendingPod] = FitStore(
        lambda: chain(state.pod_keys(), pending.keys()), put, state.put_unreadable
    )
    return fit_store


def node_store(state: FitState) -> FitStore[str, FitNode]:
    """Return the store of nodes."""
    return FitStore(state.node_names, state.put_node, state.put_unreadable)


class DeviceStores:
    """The stores of what resource.k8s.io has."""

    def __init__(self, state: DeviceState) -> None:
        """Take the state that has the objects."""
        self.claims = FitStore(lambda: state.claims, state.put_claim, partial(state.put_unreadable, "claims"))
        self.slices = FitStore(lambda: state.slices, state.put_slice, partial(state.put_unreadable, "slices"))
        self.classes = FitStore(
            lambda: state.classes, state.put_class, partial(state.put_unreadable, "classes")
        )
        self.rules = FitStore(lambda: state.rules, state.put_rule, partial(state.put_unreadable, "rules"))
        self.templates = FitStore(
            lambda: state.templates, state.put_template, partial(state.put_unreadable, "templates")
        )


def reader_for_fit(read: Callable[[bytes], V]) -> Callable[[object, object, Document], V | Unreadable]:
    """Return a function that reads an object for the fit engine, by the reader of its JSON."""

    def read_for_fit(_manifest: object, _view: object, document: Document) -> V | Unreadable:
        try:
            return read(bytes(document()))
        except (ValueError, RecursionError) as error:
            return Unreadable(short(str(error), LONGEST_MESSAGE))

    return read_for_fit


_class_for_fit = reader_for_fit(read_class)
rule_for_fit = reader_for_fit(read_taint_rule)
template_for_fit = reader_for_fit(read_claim_template)


def claim_for_fit(manifest: ClaimManifest, claim: Claim, _document: Document) -> FitClaim | Unreadable:
    """Return a claim as the fit engine reads it; ``claim`` is the ledger's view of it."""
    try:
        return claim_of(manifest, claim)
    except (ValueError, RecursionError) as error:
        return Unreadable(short(str(error), LONGEST_MESSAGE))


def slice_for_fit(manifest: SliceManifest, _view: object, _document: Document) -> Slice | Unreadable:
    """Return a slice as the fit engine reads it."""
    try:
        return slice_of(manifest)
    except (ValueError, RecursionError) as error:
        return Unreadable(short(str(error), LONGEST_MESSAGE))


def class_for_fit(manifest: object, view: object, document: Document) -> FitClass | Unreadable:
    """Return a class as the fit engine reads it. ``view`` says whether it is of GPUs."""
    read = _class_for_fit(manifest, view, document)
    if isinstance(read, Unreadable) or not isinstance(view, DeviceClass):
        return read
    return msgspec.structs.replace(read, gpus=view.gpus)


def pod_for_fit(
    manifest: PodManifest, view: object, document: Document
) -> FitPod | PendingPod | Unreadable | None:
    """Return a pod as the fit engine reads it. ``view`` says whether it waits for GPUs."""
    try:
        pod = read_fit_pod(manifest)
    except (ValueError, RecursionError) as error:
        return Unreadable(short(str(error), LONGEST_MESSAGE), _room(manifest))
    if not isinstance(view, Pod) or view.waiting is None:
        return pod
    try:
        return read_pending(bytes(document()), pod, view.waiting.refusal)
    except (ValueError, RecursionError):
        # It holds nothing, so other answers stay complete. Its own row says that it can't be read.
        return pod


def _room(manifest: PodManifest) -> FitPod | None:
    """Return what a pod with unreadable rules holds of its node; None if that can't be read either."""
    try:
        return read_fit_pod(manifest, room_alone=True)
    except (ValueError, RecursionError):
        return None


def node_for_fit(manifest: NodeManifest, view: object, _document: Document) -> FitNode | Unreadable | None:
    """Return a node as the fit engine reads it; None for one that isn't counted here."""
    if isinstance(view, Node) and not view.counted:
        return None
    try:
        return read_fit_node(manifest)
    except (ValueError, RecursionError) as error:
        return Unreadable(short(str(error), LONGEST_MESSAGE))
