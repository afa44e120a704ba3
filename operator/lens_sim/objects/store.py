"""Objects in memory as etcd holds them: one counter of versions, every version readable until compaction."""

import asyncio
import bisect
import contextlib
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from lens_sim.objects.resources import (
    DAEMON_SETS,
    DEVICE_CLASSES,
    DEVICE_TAINT_RULES,
    PODS,
    RESOURCE_SLICES,
    SERVED,
    Object,
    Resource,
)
from lens_sim.objects.timestamps import rfc3339

_GENERATIONS = (PODS, DAEMON_SETS, RESOURCE_SLICES, DEVICE_CLASSES, DEVICE_TAINT_RULES)


class CompactedError(Exception):
    """The version asked for is older than what the store still remembers."""

    def __init__(self, version: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {version} ({oldest})")


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of one object: its JSON, without kind and apiVersion, and what selectors look at."""

    version: int
    key: str
    body: bytes
    labels: dict[str, str]
    fields: dict[str, str]

    def at(self, version: int) -> bytes:
        """Return the same object's JSON under another resourceVersion, as the event of its end shows it."""
        obj = msgspec.json.decode(self.body)
        obj["metadata"]["resourceVersion"] = str(version)
        return msgspec.json.encode(obj)


@dataclass(slots=True)
class Event:
    """What happened to one object; `earlier` leads into its past and is cut by compaction."""

    version: int
    key: str
    before: Revision | None
    after: Revision | None
    earlier: "Event | None"


class Watch:
    """The events of one resource after the version `since`, which moves on with them.

    `lagging` once the reader has left too many unread: no more come then.
    """

    def __init__(self, since: int, backlog: list[Event], capacity: int) -> None:
        self.lagging = False
        self.since = backlog[-1].version if backlog else since
        self._unread = backlog
        self._capacity = capacity
        self._news = asyncio.Event()

    def push(self, event: Event) -> None:
        """Take an event, unless the watch began after it or has given up."""
        if event.version <= self.since or self.lagging:
            return
        self.since = event.version
        self._unread.append(event)
        self.lagging = len(self._unread) > self._capacity
        self._news.set()

    async def unread(self, at_most: float) -> list[Event]:
        """Return the events since the last call; wait up to `at_most` seconds for the first of them."""
        if not self._unread:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(at_most):
                    await self._news.wait()
        events, self._unread = self._unread, []
        return events


@dataclass
class _Collection:
    heads: dict[str, Event] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    log: list[Event] = field(default_factory=list)
    compacted: int = 0
    watches: set[Watch] = field(default_factory=set)

    def append(self, event: Event) -> None:
        if event.key not in self.heads:
            bisect.insort(self.keys, event.key)
        self.heads[event.key] = event
        self.log.append(event)
        for watch in self.watches:
            watch.push(event)

    def after(self, version: int) -> int:
        return bisect.bisect_right(self.log, version, key=lambda event: event.version)

    def compact(self, version: int) -> None:
        index = self.after(version)
        for event in self.log[:index]:
            event.earlier = None
            if event.after is None and self.heads[event.key] is event:
                del self.heads[event.key]
                del self.keys[bisect.bisect_left(self.keys, event.key)]
        del self.log[:index]
        self.compacted = max(self.compacted, version)

    def rewind(self, version: int) -> None:
        while self.log and self.log[-1].version > version:
            event = self.log.pop()
            if event.earlier is not None:
                self.heads[event.key] = event.earlier
            else:
                del self.heads[event.key]
                del self.keys[bisect.bisect_left(self.keys, event.key)]


class Store:
    """All objects of a cluster. Use it from one thread, that of the loop which serves it.

    Uids come from `seed`. Each resource remembers at least its last `history` events.
    """

    def __init__(self, seed: int = 1, history: int = 10_000) -> None:
        self.version = 1
        self._history = history
        self._uids = random.Random(seed)  # noqa: S311 - a seed is what makes two runs equal
        self._collections = {resource: _Collection() for resource in SERVED}

    def put(self, resource: Resource, obj: Object, now: datetime) -> Object:
        """Create or replace an object and return it as stored; what changes nothing makes no version.

        `uid` and `creationTimestamp` are kept from the stored object, else from `obj`, else given.
        A pod's generation follows its spec (KEP-5067), as a DaemonSet's and a ResourceSlice's do.
        """
        key = resource.key_of(obj)
        revision = self.revision(resource, key)
        metadata = dict(obj["metadata"])
        stored: Object = {"metadata": metadata} | {
            name: value for name, value in obj.items() if name not in ("kind", "apiVersion", "metadata")
        }
        current: Object | None = None
        generation = 1
        if revision is None:
            metadata.setdefault("uid", str(uuid.UUID(int=self._uids.getrandbits(128), version=4)))
            metadata.setdefault("creationTimestamp", rfc3339(now))
        else:
            current = msgspec.json.decode(revision.body)
            for name in ("uid", "creationTimestamp", "resourceVersion"):
                metadata[name] = current["metadata"][name]
            generation = current["metadata"].get("generation", 1)
            generation += current.get("spec") != stored.get("spec")
        if resource in _GENERATIONS:
            metadata["generation"] = generation
        if stored != current:
            self.version += 1
            metadata["resourceVersion"] = str(self.version)
            self._append(resource, key, revision, _revision(resource, key, self.version, stored))
        return stored

    def update_status(self, resource: Resource, key: str, status: Any, now: datetime) -> Object:
        """Replace the status of a stored object; KeyError when there is none."""
        obj = self.get(resource, key)
        if obj is None:
            raise KeyError(key)
        return self.put(resource, obj | {"status": status}, now)

    def delete(self, resource: Resource, key: str) -> None:
        """Remove an object at once, without a grace period; KeyError when there is none."""
        revision = self.revision(resource, key)
        if revision is None:
            raise KeyError(key)
        self.version += 1
        self._append(resource, key, revision, None)

    def get(self, resource: Resource, key: str) -> Object | None:
        """Return a copy of an object that the caller may change."""
        revision = self.revision(resource, key)
        obj: Object | None = None if revision is None else msgspec.json.decode(revision.body)
        return obj

    def revision(self, resource: Resource, key: str) -> Revision | None:
        """Return the newest version of an object."""
        head = self._collections[resource].heads.get(key)
        return None if head is None else head.after

    def snapshot(
        self, resource: Resource, namespace: str | None = None, version: int | None = None
    ) -> list[Revision]:
        """Return the objects as they were at a version (now, when None), sorted by key; CompactedError."""
        collection = self._collections[resource]
        at = self.version if version is None else version
        if at < collection.compacted:
            raise CompactedError(at, collection.compacted)
        keys = collection.keys
        if namespace is not None:
            first, last = (bisect.bisect_left(keys, namespace + end) for end in ("/", "0"))  # "0" follows "/"
            keys = keys[first:last]
        found = []
        for key in keys:
            event: Event | None = collection.heads[key]
            while event is not None and event.version > at:
                event = event.earlier
            if event is not None and event.after is not None:
                found.append(event.after)
        return found

    @contextlib.contextmanager
    def watch(self, resource: Resource, since: int) -> Iterator[Watch]:
        """Follow what happens to a resource after a version; CompactedError when that is forgotten.

        A version that is yet to come gives silence until it has come, as a real apiserver does.
        """
        collection = self._collections[resource]
        if since < collection.compacted:
            raise CompactedError(since, collection.compacted)
        watch = Watch(since, collection.log[collection.after(since) :], 2 * self._history)
        collection.watches.add(watch)
        try:
            yield watch
        finally:
            collection.watches.discard(watch)

    def compact(self, version: int | None = None) -> None:
        """Forget what was before a version (now, when None): older lists and watches get a 410."""
        for collection in self._collections.values():
            collection.compact(self.version if version is None else min(version, self.version))

    def rewind(self, version: int) -> None:
        """Return to an older version, counter included, as an etcd restored from a backup; CompactedError.

        Open watches stay silent until the counter has passed what they have seen.
        """
        for collection in self._collections.values():
            if version < collection.compacted:
                raise CompactedError(version, collection.compacted)
        for collection in self._collections.values():
            collection.rewind(version)
        self.version = min(version, self.version)

    def _append(self, resource: Resource, key: str, before: Revision | None, after: Revision | None) -> None:
        collection = self._collections[resource]
        collection.append(Event(self.version, key, before, after, collection.heads.get(key)))
        if len(collection.log) > 2 * self._history:
            collection.compact(collection.log[-self._history - 1].version)


def _revision(resource: Resource, key: str, version: int, obj: Object) -> Revision:
    labels = obj["metadata"].get("labels")
    return Revision(
        version=version,
        key=key,
        body=msgspec.json.encode(obj),
        labels={name: str(value) for name, value in labels.items()} if isinstance(labels, dict) else {},
        fields={label: _field(obj, label, absent) for label, absent in resource.fields.items()},
    )


def _field(obj: Object, label: str, absent: str) -> str:
    value: Any = obj
    for name in label.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return absent
    return str(value).lower() if isinstance(value, bool) else str(value)
