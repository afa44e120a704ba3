"""Decodes one object, or what can be decoded of it, and recognises one that hasn't changed."""

from collections.abc import Callable, Mapping
from sys import intern
from typing import Any, Generic, TypeVar

import msgspec

from lens.model.inventory.decoding.documents import BarePart, DecodedLine, Line, read_bare, read_line, reader
from lens.model.inventory.decoding.fingerprint import Fingerprints, fingerprint
from lens.model.inventory.objects.claim import Claim
from lens.model.inventory.objects.in_part import read_in_part
from lens.model.inventory.objects.slice import Slice
from lens.model.k8s.bounds import LONGEST_NAME
from lens.model.k8s.dra.objects import ClaimManifest, DeviceClassManifest, TaintRuleManifest
from lens.model.k8s.dra.slices import SliceManifest
from lens.model.k8s.json_depth import flattened
from lens.model.k8s.objects import BareManifest, DaemonSetManifest, NodeManifest, ObjectMeta, PodManifest
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


_IN_PART = (Claim, Slice)
"""The views of objects of which a part may be left out."""

CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})
"""The types of lines that report an object (meta/v1 WatchEvent)."""


class Reading(msgspec.Struct, Generic[K, V]):
    """An object as it was read.

    ``problem`` says what of it can't be decoded. If that is all of it, ``value`` is None. ``fit`` is the
    object as the fit engine reads it. ``fingerprint`` is that of all that both are made of, if it is known.
    An object that ``is_known`` has the one that it had before, and no value.
    """

    key: K
    version: int
    value: V | None
    problem: str | None = None
    fit: Any = None
    fingerprint: bytes | None = None
    is_known: bool = False


Document = Callable[[], msgspec.Raw | bytes]
"""Returns an object as it was received."""


FitReader = Callable[[Any, Any, Document], object]
"""Makes the fit engine's view of an object, see ``Decoder``."""


def no_fit(_manifest: object, _view: object, _document: Document) -> None:
    """Make no view: the fit engine reads no objects of this kind."""


class Decoder(Generic[K, V]):
    """A decoder of one kind of object."""

    def __init__(
        self,
        manifest: type[M],
        view: Callable[[M], V | None],
        key: Callable[[str, str], K],
        fit: Callable[[M, V | None, Document], object] = no_fit,
        trim: Callable[[M], None] | None = None,
    ) -> None:
        """Take the manifest's type, and how to make a view of it, and a key of namespace and name.

        ``fit`` makes what the fit engine reads of the manifest, the view and the document. It raises nothing.
        ``trim`` takes out of a manifest what changes often and neither of them reads. With it, lines that
        leave the rest as it was are recognised.
        """
        self._manifest: type[Any] = manifest
        self._decode: Callable[[msgspec.Raw | bytes], Any] = reader(manifest)
        self._decode_line: Callable[[bytes], DecodedLine[Any]] = reader(DecodedLine[manifest])  # type: ignore[valid-type]
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
            return self._views(key, version, whole, lambda: raw, {} if fingerprinted else None)
        except (ValueError, RecursionError) as error:
            return self._unreadable(raw, error)

    def read_watch_line(
        self, raw: bytes, known: Fingerprints[K] | None = None
    ) -> Line | tuple[str, Reading[K, V]]:
        """Read a watch line: the type and the object, or an undecoded line if the object can't be decoded.

        Nearly all can, and decoding them in one pass saves a third of a line's cost. No views are made of
        those that ``known`` has, and of deleted ones. Raise ValueError for bytes that are no watch line.
        """
        try:
            line = self._decode_line(raw)
            if line.type in CHANGES:
                key, version = self._identity(line.object.metadata)
                if line.type == "DELETED":
                    return line.type, Reading(key, version, None)
                # New objects soon change, so a fingerprint would be of no use.
                known = known if line.type == "MODIFIED" else None
                return line.type, self._views(key, version, line.object, lambda: read_line(raw).object, known)
        except (ValueError, RecursionError):
            pass
        return read_line(raw)

    def _views(
        self, key: K, version: int, whole: Any, document: Document, known: Mapping[K, bytes] | None
    ) -> Reading[K, V]:
        """Make the views of a manifest, unless its fingerprint is known; without ``known`` it gets none."""
        if self._trim is None:
            view = self._view(whole)
            return Reading(key, version, view, _problem(view), self._fit(whole, view, document))
        print_ = None
        self._trim(whole)
        # The views read all the rest of the manifest, or less.
        whole.metadata.resource_version = None
        if known is not None:
            print_ = fingerprint(whole)
            if print_ is not None and print_ == known.get(key):
                return Reading(key, version, None, fingerprint=print_, is_known=True)
        asked: list[Document] = []
        view = self._view(whole)
        fit = self._fit(whole, view, document if print_ is None else _noted(document, asked))
        # A reader that asks for the document may read more than the fingerprint covers.
        return Reading(key, version, view, _problem(view), fit, None if asked else print_)

    def _in_part(self, raw: msgspec.Raw | bytes, error: Exception) -> Reading[K, V]:
        """Read the valid parts of an object that can't be decoded as a whole."""
        key, version = self._identity(read_bare(raw).metadata)
        try:
            whole, problem = read_in_part(self._manifest, without_halves(flattened(bytes(raw))))
            reading = self._views(key, version, whole, lambda: raw, None)
        except (ValueError, RecursionError):
            return Reading(key, version, None, str(error))
        # A field may be there twice: the last one counts, which may be valid.
        reading.problem = reading.problem or problem or None
        return reading

    def _unreadable(self, raw: msgspec.Raw | bytes, error: Exception) -> Reading[K, V]:
        key, version = self._identity(read_bare(raw).metadata)
        return Reading(key, version, None, str(error))

    def _identity(self, meta: ObjectMeta | BarePart) -> tuple[K, int]:
        """Return an object's key and version. Raise ValueError if there is none."""
        namespace = meta.namespace or ""
        if len(meta.name) > LONGEST_NAME or len(namespace) > LONGEST_NAME:
            raise ValueError(f"a name of {len(meta.name)} characters")
        # Many objects have the same namespace, and keep it as long as they exist.
        return self._key(intern(namespace), meta.name), int(meta.resource_version or "")


def _noted(document: Document, asked: list[Document]) -> Document:
    """Return a document that is added to ``asked`` when it is read."""

    def noted() -> msgspec.Raw | bytes:
        asked.append(document)
        return document()

    return noted


def _problem(view: object) -> str | None:
    """Return the parts of an object that could not be decoded, although the rest could."""
    return view.problem if isinstance(view, _IN_PART) else None
