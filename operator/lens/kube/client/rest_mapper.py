"""Finds the resource that serves a kind, by API discovery.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec

from lens.kube.client.object_reader import ObjectReader, UnreadError
from lens.model.inventory.objects.pod import Controller
from lens.model.inventory.owner_chains import KEPT_SECONDS

MISSING_SECONDS = 60.0
"""How long a missing kind or document counts as missing: a CustomResourceDefinition may be created."""

MAX_DOCUMENTS = 512
"""The most cached documents of each kind."""

_API_VERSION = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?v[a-z0-9]{1,62}", re.ASCII)
# An object's name in a path (apimachinery, api/validation/path) that Lens has not cut short.
_NAME = re.compile(r"(?!\.{1,2}\Z)[^/%\x00-\x20\x7f…]{1,253}")


class _Resource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool


class _ResourceList(msgspec.Struct):
    resources: list[_Resource] = []


class _Version(msgspec.Struct, rename="camel"):
    group_version: str


class _Group(msgspec.Struct, rename="camel"):
    preferred_version: _Version


D = TypeVar("D", _ResourceList, _Group)

_resource_list = msgspec.json.Decoder(_ResourceList)
_group = msgspec.json.Decoder(_Group)


class _Document(Generic[D]):
    """A discovery document and when it was read; None if it doesn't exist."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.read_at = float("-inf")
        self.content: D | None = None


class RestMapper:
    """Map kinds to paths. For use in one event loop."""

    def __init__(self, objects: ObjectReader, clock: Callable[[], float]) -> None:
        """Take the reader of the discovery documents."""
        self._objects = objects
        self._clock = clock
        self._lists: OrderedDict[str, _Document[_ResourceList]] = OrderedDict()
        self._groups: OrderedDict[str, _Document[_Group]] = OrderedDict()

    async def collection(self, controller: Controller) -> str:
        """Return the path of the collection that has an owner. Raise UnreadError, also for an unknown kind.

        An owner reference may name a version that is no longer served. The object then still exists in the
        version that its group prefers.
        """
        if not _API_VERSION.fullmatch(controller.api_version):
            raise UnreadError("UNREADABLE", KEPT_SECONDS)
        group, slash, _ = controller.api_version.partition("/")
        path = await self._collection(controller.api_version, controller)
        if path is None and slash:
            preferred = await self._preferred(group)
            if preferred is not None and preferred != controller.api_version:
                path = await self._collection(preferred, controller)
        if path is None:
            raise UnreadError("UNKNOWN_KIND", MISSING_SECONDS)
        return path

    async def _collection(self, api_version: str, controller: Controller) -> str | None:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        document = _cached(self._lists, root)
        for age in (KEPT_SECONDS, MISSING_SECONDS):
            listed = await self._read(document, root, _resource_list, age)
            for resource in listed.resources if listed is not None else ():
                # A subresource may have the same kind.
                if resource.kind == controller.kind and "/" not in resource.name:
                    prefix = _namespace_prefix(controller, namespaced=resource.namespaced)
                    return f"{root}{prefix}/{quote(resource.name, safe='')}"
        return None

    async def _preferred(self, group: str) -> str | None:
        path = f"/apis/{group}"
        found = await self._read(_cached(self._groups, path), path, _group, KEPT_SECONDS)
        version = found.preferred_version.group_version if found is not None else ""
        return version if _API_VERSION.fullmatch(version) else None

    async def _read(
        self, document: _Document[D], path: str, decoder: msgspec.json.Decoder[D], max_age: float
    ) -> D | None:
        async with document.lock:
            max_age = min(max_age, KEPT_SECONDS if document.content is not None else MISSING_SECONDS)
            if self._clock() - document.read_at >= max_age:
                body = await self._objects.get(path, "application/json", path)
                try:
                    document.content = None if body is None else decoder.decode(body)
                # A DecodeError is a ValueError, as is text that isn't UTF-8.
                except (ValueError, RecursionError):
                    raise UnreadError("UNREADABLE", MISSING_SECONDS) from None
                document.read_at = self._clock()
            return document.content


def object_path(collection: str, name: str) -> str:
    """Return an object's path. Raise UnreadError for an invalid name."""
    if not _NAME.fullmatch(name):
        raise UnreadError("UNREADABLE", KEPT_SECONDS)
    return f"{collection}/{quote(name, safe='')}"


def _namespace_prefix(controller: Controller, *, namespaced: bool) -> str:
    if not namespaced:
        return ""
    if not controller.namespace:
        # A namespaced object can't own a cluster-scoped one.
        raise UnreadError("UNREADABLE", KEPT_SECONDS)
    return f"/namespaces/{quote(controller.namespace, safe='')}"


def _cached(documents: OrderedDict[str, _Document[D]], path: str) -> _Document[D]:
    """Return a document's cache entry, as the most recently used one."""
    document = documents.pop(path, None) or _Document()
    documents[path] = document
    if len(documents) > MAX_DOCUMENTS:
        documents.popitem(last=False)
    return document
