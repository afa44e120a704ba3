"""Decodes the apiserver's bytes, one object at a time: a bad object affects no other."""

import contextlib
from collections.abc import Callable
from sys import intern
from typing import Any, Generic, TypeVar

import msgspec

from lens.model.gpu.exporters import DaemonSet, ExporterPod, ExporterSelector
from lens.model.inventory.objects.claim import Claim, read_claim
from lens.model.inventory.objects.device import Slice, read_slice
from lens.model.inventory.objects.device_class import DeviceClass, read_device_class
from lens.model.inventory.objects.fraction import RESERVATIONS
from lens.model.inventory.objects.json_depth import flattened
from lens.model.inventory.objects.node import Node, read_node
from lens.model.inventory.objects.pod import Pod, PodKey, read_pod
from lens.model.inventory.objects.taint_rule import TaintRule, read_taint_rule
from lens.model.k8s.bounds import LONGEST_NAME, short
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.objects import (
    ClaimManifest,
    DeviceClassManifest,
    SliceManifest,
    TaintRuleManifest,
)
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.node_selection import ALL_NODES, NodeSelection
from lens.model.k8s.objects import (
    BareManifest,
    DaemonSetManifest,
    DaemonSetStatus,
    NodeManifest,
    ObjectMeta,
    PodManifest,
)
from lens.model.k8s.policy_objects import (
    BudgetManifest,
    LimitRangeManifest,
    NamespaceManifest,
    PriorityClassManifest,
    QuotaManifest,
    RuntimeClassManifest,
)

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
M = TypeVar(
    "M",
    PodManifest,
    NodeManifest,
    DaemonSetManifest,
    ClaimManifest,
    SliceManifest,
    DeviceClassManifest,
    TaintRuleManifest,
    NamespaceManifest,
    LimitRangeManifest,
    QuotaManifest,
    RuntimeClassManifest,
    PriorityClassManifest,
    BudgetManifest,
    BareManifest,
)

_decode_status = msgspec.json.Decoder(DaemonSetStatus).decode

MAX_DESIRED = 2**31 - 1
"""The most nodes that a DaemonSet can name (apps/v1: an int32)."""

CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})
"""The types of lines that report an object (meta/v1 WatchEvent)."""


class ListMeta(msgspec.Struct, rename="camel"):
    """The metadata of a list."""

    resource_version: str
    continue_: str | None = msgspec.field(default=None, name="continue")


class Page(msgspec.Struct):
    """A page of a list, with undecoded items."""

    metadata: ListMeta
    items: list[msgspec.Raw] | None = None


class Line(msgspec.Struct):
    """A line of a watch, with an undecoded object."""

    type: str
    object: msgspec.Raw


class DecodedLine(msgspec.Struct, Generic[T]):
    """A line of a watch with its decoded object."""

    type: str
    object: T


class BarePart(msgspec.Struct, rename="camel"):
    """The identity of an object."""

    name: str
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None


class Bookmark(msgspec.Struct):
    """A bookmark, which has only a resourceVersion."""

    metadata: ListMeta


class Bare(msgspec.Struct):
    """An object of which only the identity can be decoded."""

    metadata: BarePart


class Reading(msgspec.Struct, Generic[K, V]):
    """An object as it was read.

    ``problem`` says what of it can't be decoded. If that is all of it, ``value`` is None. ``fit`` is the
    object as a fit looks at it.
    """

    key: K
    version: int
    value: V | None
    problem: str | None = None
    fit: Any = None


def _reader(type_: type[T]) -> Callable[[msgspec.Raw | bytes], T]:
    decode = msgspec.json.Decoder(type_).decode

    def read(document: msgspec.Raw | bytes) -> T:
        try:
            return decode(document)
        except RecursionError:
            return decode(flattened(bytes(document)))

    return read


read_page = _reader(Page)
read_line = _reader(Line)
read_bookmark = _reader(Bookmark)
read_metadata = _reader(BareManifest)
_read_bare = _reader(Bare)


Document = Callable[[], msgspec.Raw | bytes]
"""Returns an object as it was received."""


def _no_fit(_manifest: object, _view: object, _document: Document) -> None:
    return None


class Decoder(Generic[K, V]):
    """A decoder of one kind of object."""

    def __init__(
        self,
        manifest: type[M],
        view: Callable[[M], V | None],
        key: Callable[[str, str], K],
        fit: Callable[[M, V | None, Document], object] = _no_fit,
    ) -> None:
        """Take the manifest's type, and how to make a view of it, and a key of namespace and name.

        ``fit`` makes what a fit looks at, of the manifest, the view and the document, and raises nothing.
        """
        decode = _reader(manifest)
        decode_line: Callable[[bytes], DecodedLine[M]] = _reader(DecodedLine[manifest])  # type: ignore[valid-type]

        def read(raw: msgspec.Raw | bytes) -> tuple[ObjectMeta, V | None, object]:
            whole = decode(raw)
            seen = view(whole)
            return whole.metadata, seen, fit(whole, seen, lambda: raw)

        def read_whole(raw: bytes) -> tuple[str, ObjectMeta, V | None, object]:
            line = decode_line(raw)
            whole = line.object
            seen = view(whole)
            return line.type, whole.metadata, seen, fit(whole, seen, lambda: read_line(raw).object)

        self._read = read
        self._read_whole = read_whole
        self._key = key

    def read(self, raw: msgspec.Raw | bytes) -> Reading[K, V]:
        """Read an object. Raise ValueError if it has no name or no numeric resourceVersion."""
        try:
            meta, view, fit = self._read(raw)
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
            return self._reading(_read_bare(raw).metadata, None, str(error))
        return self._reading(meta, view, fit=fit)

    def read_watch_line(self, raw: bytes) -> Line | tuple[str, Reading[K, V]]:
        """Read a watch line: the type and the object, or an undecoded line if the object can't be decoded.

        Nearly all can, and decoding them in one pass saves a third of a line's cost. Raise ValueError for
        bytes that are no watch line.
        """
        try:
            type_, meta, view, fit = self._read_whole(raw)
            if type_ in CHANGES:
                return type_, self._reading(meta, view, fit=fit)
        except (ValueError, RecursionError):
            pass
        return read_line(raw)

    def _reading(
        self, meta: ObjectMeta | BarePart, view: V | None, problem: str | None = None, fit: object = None
    ) -> Reading[K, V]:
        if max(len(meta.name), len(meta.namespace or "")) > LONGEST_NAME:
            raise ValueError(f"a name of {len(meta.name)} characters")
        return Reading(
            # Many objects have the same namespace, and keep it as long as they exist.
            key=self._key(intern(meta.namespace or ""), meta.name),
            version=int(meta.resource_version or ""),
            value=view,
            problem=view.problem if isinstance(view, Claim | Slice) else problem,
            fit=fit,
        )


def pod_decoder(
    gpus: GpuResources,
    exporters: ExporterSelector | None = None,
    reservations: str | None = RESERVATIONS,
    fit: Callable[[PodManifest, Pod | ExporterPod | None, Document], object] = _no_fit,
) -> Decoder[PodKey, Pod | ExporterPod]:
    """Return a decoder of pods that request GPUs, and of exporters' pods.

    ``reservations`` is the namespace of KAI-Scheduler's reservation pods.
    """

    def view(manifest: PodManifest) -> Pod | ExporterPod | None:
        pod = read_pod(manifest, gpus, reservations)
        if exporters is not None and (pod is None or not pod.units):
            # An exporter may have a claim of its own, to see the GPUs that others hold.
            return exporters.read(manifest) or pod
        return pod

    return Decoder(PodManifest, view, PodKey, fit)


def daemonset_decoder() -> Decoder[PodKey, DaemonSet]:
    """Return a decoder of DaemonSets."""

    def view(manifest: DaemonSetManifest) -> DaemonSet | None:
        uid, desired = manifest.metadata.uid, 0
        with contextlib.suppress(msgspec.DecodeError):
            desired = _decode_status(manifest.status).desired_number_scheduled
        return None if uid is None else DaemonSet(short(uid), max(0, min(desired, MAX_DESIRED)))

    return Decoder(DaemonSetManifest, view, PodKey)


def node_decoder(
    gpus: GpuResources,
    fit: Callable[[NodeManifest, Node | None, Document], object] = _no_fit,
    selection: NodeSelection = ALL_NODES,
) -> Decoder[str, Node]:
    """Return a decoder of nodes, of which those of the ``selection`` are counted."""
    return Decoder(NodeManifest, lambda manifest: read_node(manifest, gpus, selection), _name, fit)


FitReader = Callable[[Any, Any, Document], object]
"""Makes what a fit looks at of an object, see ``Decoder``."""


def claim_decoder(drivers: GpuDrivers, fit: FitReader = _no_fit) -> Decoder[PodKey, Claim]:
    """Return a decoder of ResourceClaims."""
    return Decoder(ClaimManifest, lambda manifest: read_claim(manifest, drivers), PodKey, fit)


def slice_decoder(drivers: GpuDrivers) -> Decoder[str, Slice]:
    """Return a decoder of ResourceSlices with GPUs."""
    return Decoder(SliceManifest, lambda manifest: read_slice(manifest, drivers), _name)


def device_class_decoder(
    drivers: GpuDrivers, resources: GpuResources, fit: FitReader = _no_fit
) -> Decoder[str, DeviceClass]:
    """Return a decoder of DeviceClasses."""

    def view(manifest: DeviceClassManifest) -> DeviceClass:
        return read_device_class(manifest, drivers, resources)

    return Decoder(DeviceClassManifest, view, _name, fit)


def taint_rule_decoder(fit: FitReader = _no_fit) -> Decoder[str, TaintRule]:
    """Return a decoder of DeviceTaintRules."""
    return Decoder(TaintRuleManifest, read_taint_rule, _name, fit)


def bare_decoder(fit: FitReader) -> Decoder[PodKey, None]:
    """Return a decoder of objects that only a fit looks at."""
    return Decoder(BareManifest, lambda _manifest: None, PodKey, fit)


def _name(_namespace: str, name: str) -> str:
    return name
