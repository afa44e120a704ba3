"""What a list page or a watch line means for the ledger, and what kopf gets in its place.

kopf would turn every object into a dictionary, a task and several deep copies, in queues without a bound.
So it gets no object: of a list the metadata, and of a watch a bookmark that says how far it has come.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from lens.kube.client.paging import PageSize
from lens.metrics import Metrics
from lens.model.inventory.decoding import Decoder, Line, Reading, read_marker, read_page
from lens.model.inventory.store import Store

K = TypeVar("K", bound=tuple[str, str] | str)
V = TypeVar("V")

GONE = b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","code":410}}\n'
"""The one error of a watch that kopf survives: it starts over with a list."""

FRUITLESS_WATCHES = 3
"""Watches in a row without a line to take after which their resourceVersion is given up."""

TOLD_SECONDS = 1.0
"""How far behind kopf's idea of a busy stream may be."""

_log = logging.getLogger(__name__)
_encode = msgspec.json.encode


class UnusableListError(Exception):
    """A page of a list can't be read, so the list is worth nothing."""


class Reflector(Generic[K, V]):
    """Read one resource's pages and lines, in the order in which they come."""

    def __init__(
        self,
        resource: str,
        kind: str,
        decoder: Decoder[K, V],
        store: Store[K, V],
        metrics: Metrics,
        clock: Callable[[], float],
        on_progress: Callable[[bool], None],
        on_gone: Callable[[bytes], object] = lambda _line: None,
    ) -> None:
        """Take ``on_progress`` to call after every sign of life, with whether anything changed.

        ``on_gone`` gets the line by which an object that was stored is stored no more.
        """
        self.resource = resource
        self.kind = kind
        self.store = store
        self.last_activity = clock()
        self.contact: float | None = None
        self.page_size = PageSize()
        self._decoder = decoder
        self._clock = clock
        self._on_progress = on_progress
        self._on_gone = on_gone
        self._retired = False
        self._fruitless_watches = 0
        self._unreached = False
        self._asked_at = 0.0
        self._list_began = 0.0
        self._list_objects = 0
        self._told_at = 0.0
        self._problems: dict[K, str] = {}
        self._problems_listed: dict[K, str] = {}
        self._lists = metrics.lists.labels(resource)
        self._drift = metrics.drift.labels(resource)
        self._skipped = metrics.skipped.labels(resource)
        self._skipped_now = metrics.skipped_now.labels(resource)
        self._outcomes = {
            outcome: metrics.watch_lines.labels(resource, outcome)
            for outcome in ("changed", "unchanged", "late", "bookmark", "error", "unreadable")
        }

    @property
    def skipped(self) -> int:
        """Return how many objects exist and can't be read."""
        return len(self._problems)

    def asked(self) -> None:
        """Take note that kopf asks the apiserver for this resource."""
        self._asked_at = self.last_activity = self._clock()

    def unreached(self) -> None:
        """Take note that the apiserver was not there to be asked.

        It may come back with another past (an etcd restored from a backup), whose versions soon exceed
        those known from the lost one; only a list tells.
        """
        self._unreached = True

    def retire(self) -> None:
        """Take in nothing any more: another reflector has taken over."""
        self._retired = True

    # Lists

    def page(self, body: bytes, *, first: bool) -> dict[str, Any]:
        """Take a page; return what kopf needs of it: its metadata, and no items. Raise UnusableListError."""
        self.last_activity = self._clock()
        if self._retired:
            raise UnusableListError("another watcher has taken over")
        try:
            page = read_page(body)
            version = int(page.metadata.resource_version)
        except ValueError as error:
            raise UnusableListError(f"list of {self.resource}: {error}") from error
        if first:
            self._problems_listed = {}
            self._list_began, self._list_objects = self._asked_at, 0
        self._list_objects += len(page.items or ())
        items: dict[K, V | None] = {}
        for raw in page.items or ():
            reading = self._read(raw)
            if reading is not None:
                items[reading.key] = reading.view
                if reading.problem:
                    self._problems_listed[reading.key] = reading.problem
        self.page_size.fitted(len(body))
        was_synced = self.store.synced
        token = page.metadata.continue_ or ""
        difference = self.store.page(items, version, first=first, last=not token)
        if difference is not None:
            self._listed(difference, was_synced=was_synced)
        return {
            "metadata": {"resourceVersion": page.metadata.resource_version, "continue": token},
            "items": [],
        }

    def _listed(self, difference: Mapping[K, V | None], *, was_synced: bool) -> None:
        self._lists.inc()
        self._unreached = False
        _log.info(
            "listed",
            extra={
                "resource": self.resource,
                "objects": self._list_objects,
                "seconds": round(self._clock() - self._list_began, 3),
            },
        )
        if was_synced:
            self._drift.inc(len(difference))
        for key in set(self._problems) | set(self._problems_listed):
            self._note(key, self._problems_listed.get(key))
        self._touch(changed=True)

    # Watches

    def opened(self) -> bytes:
        """Take note of a watch's 200; return what kopf is to be told first.

        A sound watch has at least a bookmark before its time is up. One from a version that is still to
        come (an etcd was restored) is silent, and one that meets the same unreadable line again gets nowhere.
        """
        self._touch(changed=False)
        self._fruitless_watches += 1
        if self._unreached:
            why = "the apiserver was gone"
        elif self._fruitless_watches > FRUITLESS_WATCHES:
            why = "watches bring nothing"
        else:
            return b""
        self._fruitless_watches = 0
        _log.info("%s; listing anew", why, extra={"resource": self.resource})
        return GONE

    def lines(self, lines: list[bytes]) -> tuple[bytes, bool]:
        """Take whole lines; return what kopf is to be told, and whether the stream goes on after it."""
        if self._retired:
            return b"", False
        self.last_activity = self._clock()
        changed = False
        goes_on = True
        for raw in lines:
            try:
                line = self._decoder.line(raw)
            except ValueError as error:
                # It is asked for again from the line before; kopf is told how far that is.
                self._end("unreadable", str(error))
                goes_on = False
                break
            self._fruitless_watches = 0
            if isinstance(line, tuple):
                changed |= self._change(*line, raw)
            elif line.type == "ERROR":
                self._end("error", bytes(line.object)[:300].decode(errors="replace"))
                return GONE, False
            elif line.type == "BOOKMARK":
                self._bookmark(line)
            else:
                changed |= self._change(line.type, self._read(line.object), raw)
        self._touch(changed=changed)
        # kopf needs a bookmark now and then, to know where to resume; what comes again then is old news.
        if goes_on and self.last_activity - self._told_at < TOLD_SECONDS:
            return b"", True
        self._told_at = self.last_activity
        return self._kopf_bookmark(), goes_on

    def _end(self, outcome: str, why: str) -> None:
        self._outcomes[outcome].inc()
        _log.warning("a watch ends with an %s line", outcome, extra={"resource": self.resource, "line": why})

    def _bookmark(self, line: Line) -> None:
        try:
            self.store.bookmark(int(read_marker(line.object).metadata.resource_version))
        except ValueError:
            self._outcomes["unreadable"].inc()
        else:
            self._outcomes["bookmark"].inc()

    def _change(self, type_: str, reading: Reading[K, V] | None, line: bytes) -> bool:
        """Take an object's line; return whether anything that is counted has changed."""
        if reading is None:
            self._outcomes["unreadable"].inc()
            return False
        if reading.version <= self.store.resource_version:
            self._outcomes["late"].inc()
            return False
        key, gone = reading.key, type_ == "DELETED"
        self._note(key, None if gone else reading.problem)
        view = None if gone else reading.view
        if not self.store.line(key, view, reading.version):
            self._outcomes["unchanged"].inc()
            return False
        self._outcomes["changed"].inc()
        if view is None:
            self._on_gone(line)
        return True

    # What both have in common

    def _read(self, raw: msgspec.Raw) -> Reading[K, V] | None:
        try:
            return self._decoder.read(raw)
        except ValueError as error:
            self._skipped.inc()
            _log.warning(
                "an object without a name is left out", extra={"resource": self.resource, "error": str(error)}
            )
            return None

    def _note(self, key: K, problem: str | None) -> None:
        """Remember what is wrong with an object, and say so once; None says that nothing is."""
        if problem is None:
            if key not in self._problems:
                return
            del self._problems[key]
        else:
            if key not in self._problems:
                self._skipped.inc()
                name = "/".join(key) if isinstance(key, tuple) else key
                _log.warning(
                    "an object can't be read and is left out",
                    extra={"resource": self.resource, "object": name, "error": problem},
                )
            self._problems[key] = problem
        self._skipped_now.set(len(self._problems))

    def _touch(self, *, changed: bool) -> None:
        self.contact = self.last_activity = self._clock()
        self._on_progress(changed)

    def _kopf_bookmark(self) -> bytes:
        metadata = {"resourceVersion": str(self.store.resource_version)}
        object_ = {"apiVersion": "v1", "kind": self.kind, "metadata": metadata}
        return _encode({"type": "BOOKMARK", "object": object_}) + b"\n"
