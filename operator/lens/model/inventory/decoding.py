"""From an apiserver's bytes to views, one object at a time, so that a bad object costs only itself."""

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from lens.model.gpu.exporters import ExporterPod, ExporterSelector
from lens.model.inventory.node import Node, read_node
from lens.model.inventory.pod import Pod, PodKey, read_pod
from lens.model.k8s.bounds import LONGEST_NAME, short
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.json_depth import flattened
from lens.model.k8s.objects import BareManifest, NodeManifest, ObjectMeta, PodManifest

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
M = TypeVar("M", PodManifest, NodeManifest, BareManifest)

CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})
"""The types of lines that tell of an object (meta/v1 WatchEvent)."""


class ListMeta(msgspec.Struct, rename="camel"):
    """What a list says of itself."""

    resource_version: str
    continue_: str | None = msgspec.field(default=None, name="continue")


class Page(msgspec.Struct):
    """A page of a list, its items still bytes."""

    metadata: ListMeta
    items: list[msgspec.Raw] | None = None


class Line(msgspec.Struct):
    """A line of a watch, its object still bytes."""

    type: str
    object: msgspec.Raw


class Whole(msgspec.Struct, Generic[T]):
    """A line of a watch whose object is as it should be."""

    type: str
    object: T


class BarePart(msgspec.Struct, rename="camel"):
    """The least that tells which object it is."""

    name: str
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None


class Bookmark(msgspec.Struct):
    """A bookmark, which is nothing but a version."""

    metadata: ListMeta


class Bare(msgspec.Struct):
    """An object of which only its name can be trusted."""

    metadata: BarePart


class Reading(msgspec.Struct, Generic[K, V]):
    """What was read of one object. ``problem`` says why there is no view although the object exists."""

    key: K
    version: int
    view: V | None
    problem: str | None = None


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


class Decoder(Generic[K, V]):
    """Read one kind of object."""

    def __init__(
        self, manifest: type[M], view: Callable[[M], V | None], key: Callable[[str, str], K]
    ) -> None:
        """Take the manifest's type, what makes a view of it, and what makes a key of namespace and name."""
        decode = _reader(manifest)
        decode_line: Callable[[bytes], Whole[M]] = _reader(Whole[manifest])  # type: ignore[valid-type]

        def read(raw: msgspec.Raw | bytes) -> tuple[ObjectMeta, V | None]:
            whole = decode(raw)
            return whole.metadata, view(whole)

        def read_whole(raw: bytes) -> tuple[str, ObjectMeta, V | None]:
            line = decode_line(raw)
            return line.type, line.object.metadata, view(line.object)

        self._read = read
        self._read_whole = read_whole
        self._key = key

    def read(self, raw: msgspec.Raw | bytes) -> Reading[K, V]:
        """Read an object. Raise ValueError if it doesn't even have a name and a whole resourceVersion."""
        try:
            meta, view = self._read(raw)
        except ValueError as error:  # msgspec's errors are ValueErrors too
            return self._reading(_read_bare(raw).metadata, None, str(error))
        return self._reading(meta, view)

    def line(self, raw: bytes) -> Line | tuple[str, Reading[K, V]]:
        """Read a watch's line: at once where it is a sound object's, else as a line to be looked into.

        Nearly all are sound, and going through their bytes only once saves a third of what a line costs.
        Raise ValueError if it isn't even a line.
        """
        try:
            type_, meta, view = self._read_whole(raw)
            if type_ in CHANGES:
                return type_, self._reading(meta, view)
        except ValueError:
            pass
        return read_line(raw)

    def _reading(
        self, meta: ObjectMeta | BarePart, view: V | None, problem: str | None = None
    ) -> Reading[K, V]:
        if max(len(meta.name), len(meta.namespace or "")) > LONGEST_NAME:
            raise ValueError(f"a name of {len(meta.name)} characters")
        return Reading(
            key=self._key(meta.namespace or "", meta.name),
            version=int(meta.resource_version or ""),
            view=view,
            problem=problem,
        )


def pod_decoder(
    gpus: GpuResources, exporters: ExporterSelector | None = None
) -> Decoder[PodKey, Pod | ExporterPod]:
    """Return a decoder of pods: of those that GPUs are asked for, and of those that tell of them."""

    def view(manifest: PodManifest) -> Pod | ExporterPod | None:
        pod = read_pod(manifest, gpus)
        return exporters.read(manifest) if pod is None and exporters is not None else pod

    return Decoder(PodManifest, view, PodKey)


def daemonset_decoder() -> Decoder[PodKey, str]:
    """Return a decoder of DaemonSets, of which only the uid counts."""

    def view(manifest: BareManifest) -> str | None:
        uid = manifest.metadata.uid
        return None if uid is None else short(uid)

    return Decoder(BareManifest, view, PodKey)


def node_decoder(gpus: GpuResources) -> Decoder[str, Node]:
    """Return a decoder of nodes."""
    return Decoder(NodeManifest, lambda manifest: read_node(manifest, gpus), lambda _namespace, name: name)
