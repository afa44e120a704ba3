"""Decodes the apiserver's bytes, one object at a time: a bad object affects no other."""

import contextlib
from collections.abc import Callable, Mapping
from sys import intern
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import msgspec

from lens.model.gpu.exporters import DaemonSet, ExporterPod, ExporterSelector
from lens.model.inventory.objects.claim import Claim, read_claim
from lens.model.inventory.objects.device import Slice, read_slice
from lens.model.inventory.objects.device_class import DeviceClass, read_device_class
from lens.model.inventory.objects.fingerprint import Fingerprints, fingerprint
from lens.model.inventory.objects.fraction import RESERVATIONS, may_ask
from lens.model.inventory.objects.in_part import read_in_part
from lens.model.inventory.objects.node import Node, read_node
from lens.model.inventory.objects.pod import Pod, PodKey, read_pod
from lens.model.inventory.objects.taint_rule import TaintRule, read_taint_rule
from lens.model.k8s.bounds import LONGEST_NAME, short
from lens.model.k8s.dra.gpu_drivers import GpuDrivers
from lens.model.k8s.dra.objects import (
    ClaimManifest,
    DeviceClassManifest,
    TaintRuleManifest,
)
from lens.model.k8s.dra.slices import SliceManifest
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.json_depth import flattened
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
from lens.model.k8s.surrogates import without_halves

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
    object as a fit looks at it. ``fingerprint`` is that of all that both are made of; None if it isn't known.
    An object that ``is_known`` has the one that it had before, and no value.
    """

    key: K
    version: int
    value: V | None
    problem: str | None = None
    fit: Any = None
    fingerprint: bytes | None = None
    is_known: bool = False


def _reader(type_: type[T]) -> Callable[[msgspec.Raw | bytes], T]:
    decode = msgspec.json.Decoder(type_).decode

    def read(document: msgspec.Raw | bytes) -> T:
        try:
            return decode(document)
        except msgspec.ValidationError:
            raise
        except (RecursionError, msgspec.DecodeError) as error:
            mend = flattened if isinstance(error, RecursionError) else without_halves
            mended = mend(bytes(document))
            if mended == bytes(document):
                raise
            return read(mended)

    return read


read_page = _reader(Page)
read_line = _reader(Line)
read_bookmark = _reader(Bookmark)
read_metadata = _reader(BareManifest)
_read_bare = _reader(Bare)


Document = Callable[[], msgspec.Raw | bytes]
"""Returns an object as it was received."""


FitReader = Callable[[Any, Any, Document], object]
"""Makes what a fit looks at of an object, see ``Decoder``."""


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
        trim: Callable[[M], None] | None = None,
    ) -> None:
        """Take the manifest's type, and how to make a view of it, and a key of namespace and name.

        ``fit`` makes what a fit looks at, of the manifest, the view and the document, and raises nothing.
        ``trim`` takes out of a manifest what changes often and neither of them looks at. With it, lines that
        leave the rest as it was are recognised.
        """
        self._manifest: type[Any] = manifest
        self._decode: Callable[[msgspec.Raw | bytes], Any] = _reader(manifest)
        self._decode_line: Callable[[bytes], DecodedLine[Any]] = _reader(DecodedLine[manifest])  # type: ignore[valid-type]
        self._view: Callable[[Any], V | None] = view
        self._fit: FitReader = fit
        self._key = key
        self._trim: Callable[[Any], None] | None = trim

    def read(self, raw: msgspec.Raw | bytes, *, fingerprinted: bool = False) -> Reading[K, V]:
        """Read an object. Raise ValueError if it has no name or no numeric resourceVersion."""
        try:
            whole = self._decode(raw)
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors too
            return self._in_part(raw, error)
        key, version = self._identity(whole.metadata)
        try:
            return self._seen(key, version, whole, lambda: raw, {} if fingerprinted else None)
        except (ValueError, RecursionError) as error:
            return self._unreadable(raw, error)

    def read_watch_line(
        self, raw: bytes, known: Fingerprints[K] | None = None
    ) -> Line | tuple[str, Reading[K, V]]:
        """Read a watch line: the type and the object, or an undecoded line if the object can't be decoded.

        Nearly all can, and decoding them in one pass saves a third of a line's cost. Of those that ``known``
        has no views are made. Raise ValueError for bytes that are no watch line.
        """
        try:
            line = self._decode_line(raw)
            if line.type in CHANGES:
                key, version = self._identity(line.object.metadata)
                # New objects soon change, and deleted ones never again.
                known = known if line.type == "MODIFIED" else None
                return line.type, self._seen(key, version, line.object, lambda: read_line(raw).object, known)
        except (ValueError, RecursionError):
            pass
        return read_line(raw)

    def _seen(
        self, key: K, version: int, whole: Any, document: Document, known: Mapping[K, bytes] | None
    ) -> Reading[K, V]:
        """Make the views of a manifest, unless its fingerprint is known; without ``known`` it gets none."""
        print_ = None
        if self._trim is not None:
            self._trim(whole)
            # The views look at all the rest of the manifest, or less.
            whole.metadata.resource_version = None
            if known is not None:
                print_ = fingerprint(whole)
                if print_ is not None and print_ == known.get(key):
                    return Reading(key, version, None, fingerprint=print_, is_known=True)
        asked = False

        def asked_document() -> msgspec.Raw | bytes:
            nonlocal asked
            asked = True
            return document()

        view = self._view(whole)
        fit = self._fit(whole, view, asked_document)
        # Whoever asks for the document looks at more than the fingerprint is of.
        return Reading(key, version, view, _problem(view), fit, None if asked else print_)

    def _in_part(self, raw: msgspec.Raw | bytes, error: Exception) -> Reading[K, V]:
        """Read what can be read of an object that can't be read as a whole."""
        key, version = self._identity(_read_bare(raw).metadata)
        try:
            whole, problem = read_in_part(self._manifest, flattened(bytes(raw)))
            reading = self._seen(key, version, whole, lambda: raw, None)
        except (ValueError, RecursionError):
            return Reading(key, version, None, str(error))
        reading.problem = reading.problem or problem
        return reading

    def _unreadable(self, raw: msgspec.Raw | bytes, error: Exception) -> Reading[K, V]:
        key, version = self._identity(_read_bare(raw).metadata)
        return Reading(key, version, None, str(error))

    def _identity(self, meta: ObjectMeta | BarePart) -> tuple[K, int]:
        """Return an object's key and version. Raise ValueError if there is none."""
        namespace = meta.namespace or ""
        if len(meta.name) > LONGEST_NAME or len(namespace) > LONGEST_NAME:
            raise ValueError(f"a name of {len(meta.name)} characters")
        # Many objects have the same namespace, and keep it as long as they exist.
        return self._key(intern(namespace), meta.name), int(meta.resource_version or "")


def _problem(view: object) -> str | None:
    """Return what of an object could not be decoded although the rest could."""
    return view.problem if isinstance(view, Claim | Slice) else None


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

    return Decoder(PodManifest, view, PodKey, fit, _trim_pod)


def _trim_pod(manifest: PodManifest) -> None:
    if not may_ask(manifest.metadata.annotations):
        manifest.metadata.annotations = msgspec.Raw()


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
    return Decoder(
        NodeManifest, lambda manifest: read_node(manifest, gpus, selection), _name, fit, _trim_node
    )


def _trim_node(manifest: NodeManifest) -> None:
    manifest.metadata.annotations = msgspec.Raw()


def claim_decoder(drivers: GpuDrivers, fit: FitReader = _no_fit) -> Decoder[PodKey, Claim]:
    """Return a decoder of ResourceClaims."""
    return Decoder(ClaimManifest, lambda manifest: read_claim(manifest, drivers), PodKey, fit)


def slice_decoder(
    drivers: GpuDrivers, stored: Mapping[str, Slice | None] = MappingProxyType({}), fit: FitReader = _no_fit
) -> Decoder[str, Slice]:
    """Return a decoder of ResourceSlices with GPUs, which share what is the same with those ``stored``."""
    return Decoder(
        SliceManifest,
        lambda manifest: read_slice(manifest, drivers, stored.get(manifest.metadata.name)),
        _name,
        fit,
    )


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
