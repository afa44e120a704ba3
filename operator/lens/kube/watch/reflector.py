"""Applies list pages and watch lines to the ledger, and decides what kopf gets in their place.

kopf would turn every object into a dictionary, a task and several deep copies, in queues without a bound.
So it gets no object: of a list it gets the metadata, and of a watch a bookmark with the resourceVersion.
"""

import logging
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from lens.kube.client.paging import PageSize
from lens.kube.watch.trust import Trust
from lens.metrics import Metrics
from lens.model.fit.fit_store import FitStore, Unreadable
from lens.model.fit.spec.node import FitNode
from lens.model.fit.spec.pod import FitPod
from lens.model.inventory.decoding.decoder import Decoder, Reading
from lens.model.inventory.decoding.documents import Line, read_bookmark, read_page
from lens.model.inventory.decoding.fingerprint import Fingerprints
from lens.model.inventory.store import Store

K = TypeVar("K", bound=tuple[str, str] | str)
V = TypeVar("V")

GONE = b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","code":410}}\n'
"""The only error on a watch that kopf survives: it lists again."""

BOOKMARK_SECONDS = 1.0
"""The most time between two bookmarks for kopf on a busy watch."""

STEP_OBJECTS = 100
"""The objects of a page that are decoded in one step, in 2 to 6 ms."""

_log = logging.getLogger(__name__)
_encode = msgspec.json.encode


class UnusableListError(Exception):
    """A page of a list can't be decoded, so the list can't be applied."""


class Reflector(Generic[K, V]):
    """Apply one resource's pages and lines in the order in which they arrive."""

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
        fit_store: FitStore[Any, Any] | None = None,
    ) -> None:
        """``on_progress`` is called after every sign of life, with whether anything changed.

        ``on_gone`` is called with the line that removes a stored object. ``fit_store`` gets the objects as
        the fit engine reads them, also those that no figure has.
        """
        self.resource = resource
        self.kind = kind
        self.store = store
        self.last_activity = clock()
        self.contact: float | None = None
        self.changes = 0
        """How many of the last lines changed anything that is counted."""
        self.known_at: float | None = None
        self.page_at = 0.0
        self._is_watching: Callable[[], bool] = lambda: False
        self.page_size = PageSize()
        self._decoder = decoder
        self._clock = clock
        self._on_progress = on_progress
        self._on_gone = on_gone
        self._fit_store = fit_store
        self._retired = False
        self._trust = Trust()
        self._sent_at = 0.0
        self._list_began = 0.0
        self._list_objects = 0
        self._bookmark_at = 0.0
        self._bookmarked = 0
        self._known: Fingerprints[K] = Fingerprints()
        self._known_listed: Fingerprints[K] = Fingerprints()
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
        """Return how many existing objects can't be decoded."""
        return len(self._problems)

    @property
    def is_watching(self) -> bool:
        """Return whether a watch's connection is open now."""
        return not self._retired and self._is_watching()

    @property
    def is_settled(self) -> bool:
        """Return whether a watch is open that has delivered all that has happened."""
        return self.is_watching and self._trust.is_settled

    def request_sent(self) -> None:
        """Record that kopf sends a request for this resource."""
        self._sent_at = self.last_activity = self._clock()

    def unreachable(self) -> None:
        """Record that the apiserver could not be reached."""
        self._trust.unreachable()

    def retire(self) -> None:
        """Ignore everything from now on, and keep nothing: another reflector has taken over.

        What kopf's ended tasks refer to, such as this reflector, may be cyclic garbage for days.
        """
        self._retired = True
        self._known = self._known_listed = Fingerprints()

    def forget(self) -> None:
        """Remove all objects, until the next list is complete."""
        self.store.clear()
        self._known.clear()
        if self._fit_store is not None:
            self._fit_store.clear()
        self._problems = {}
        self._skipped_now.set(0)

    # Lists

    def apply_page(self, body: bytes, *, first: bool) -> dict[str, Any]:
        """Apply a page; return its metadata for kopf, without items. Raise UnusableListError."""
        steps = self.page_steps(body, first=first)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                metadata: dict[str, Any] = end.value
                return metadata

    def page_steps(self, body: bytes, *, first: bool) -> Generator[None, None, dict[str, Any]]:
        """Apply a page in steps of a few milliseconds, and return its metadata for kopf, without items.

        A page has an effect with its last step. Raise UnusableListError.
        """
        self.last_activity = self._clock()
        self._must_be_current()
        try:
            page = read_page(body)
            version = int(page.metadata.resource_version)
        except ValueError as error:
            raise UnusableListError(f"list of {self.resource}: {error}") from error
        if first:
            self._problems_listed = {}
            self._list_began, self._list_objects = self._sent_at, 0
            self._known_listed = Fingerprints()
        self._list_objects += len(page.items or ())
        items: dict[K, V | None] = {}
        fit_objects: dict[K, Any] = {}
        fingerprinted = False
        for number, raw in enumerate(page.items or ()):
            if number % STEP_OBJECTS == 0:
                yield
                fingerprinted = not self._known_listed.is_full
            decoded = self._decode(raw, fingerprinted=fingerprinted)
            if decoded is None:
                continue
            key = decoded.key
            items[key] = decoded.value
            # Most kinds have none.
            if decoded.fingerprint is not None or self._known_listed:
                self._known_listed.put(key, decoded.fingerprint)
            if self._fit_store is not None:
                fit_objects[key] = _for_fit(decoded)
            if decoded.problem is not None:
                self._problems_listed[key] = decoded.problem
        self._must_be_current()
        self.page_size.fitted(len(body))
        self.page_at = self._clock()
        was_synced = self.store.synced
        token = page.metadata.continue_ or ""
        difference = self.store.apply_page(items, version, first=first, last=not token)
        if self._fit_store is not None:
            self._fit_store.apply_page(fit_objects, first=first, last=not token)
        if difference is not None:
            self._list_applied(difference, was_synced=was_synced)
        return {
            "metadata": {"resourceVersion": page.metadata.resource_version, "continue": token},
            "items": [],
        }

    def _must_be_current(self) -> None:
        if self._retired:
            raise UnusableListError("another watcher has taken over")

    def _list_applied(self, difference: Mapping[K, V | None], *, was_synced: bool) -> None:
        self._lists.inc()
        self._known, self._known_listed = self._known_listed, Fingerprints()
        self._trust.listed()
        self.known_at = min(self._list_began, self._clock())
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
            self._set_problem(key, self._problems_listed.get(key))
        self._progressed(changed=True)

    # Watches

    def watch_opened(self, is_open: Callable[[], bool], seconds: float) -> bytes:
        """Record a watch's 200; return the first lines for kopf.

        ``is_open`` returns whether the watch's connection is open. The apiserver is to end it after so many
        ``seconds``.
        """
        why = self._trust.opened(seconds)
        if not self.store.synced:
            why = "what was listed has been forgotten"
        self._is_watching = is_open if why is None else lambda: False
        self.last_activity = self._clock()
        # Whoever keeps a watch open without an apiserver behind it begins one, too.
        if not self._trust.is_silent:
            self._progressed(changed=False)
        if why is None:
            return b""
        _log.info("%s; listing again", why, extra={"resource": self.resource})
        return GONE

    def watch_ended(self) -> bytes:
        """Record that the apiserver has ended a watch; return the last line for kopf, which resumes after it.

        If it was time, all has been delivered until it was due.
        """
        overdue = self._trust.ended()
        if overdue is not None:
            self.known_at = max(self.known_at or 0.0, self._clock() - overdue)
        has_news = self.store.synced and self.store.resource_version != self._bookmarked
        return self._bookmark() if has_news and not self._retired else b""

    def watch_silent(self) -> None:
        """Record that a watch neither delivered anything nor ended in time."""
        self._trust.silent()
        _log.warning("a watch is silent; watching again", extra={"resource": self.resource})

    def apply_lines(self, lines: list[bytes]) -> tuple[bytes, bool]:
        """Apply complete lines; return the lines for kopf, and whether the watch continues."""
        if self._retired:
            return b"", False
        self.last_activity = self._clock()
        outcomes: Counter[str] = Counter()
        continues = True
        for raw in lines:
            try:
                line = self._decoder.read_watch_line(raw, self._known)
            except ValueError as error:
                # kopf resumes from the line before: it gets that line's version.
                self._watch_ends("unreadable", str(error))
                outcomes["unreadable"] += 1
                continues = False
                break
            if not outcomes:  # once for all lines
                self._trust.received()
            if isinstance(line, tuple):
                outcomes[self._apply_change(*line, raw)] += 1
            elif line.type == "ERROR":
                self._watch_ends("error", bytes(line.object)[:300].decode(errors="replace"))
                outcomes["error"] += 1
                self._count(outcomes)
                return GONE, False
            elif line.type == "BOOKMARK":
                outcomes[self._apply_bookmark(line)] += 1
            else:
                outcomes[self._apply_change(line.type, self._decode(line.object), raw)] += 1
        self._count(outcomes)
        self.changes = outcomes["changed"]
        self._progressed(changed=self.changes > 0)
        # kopf needs a bookmark from time to time, to know where to resume. Lines that arrive again after that
        # are ignored as late.
        if continues and 0 <= self.last_activity - self._bookmark_at < BOOKMARK_SECONDS:
            return b"", True
        self._bookmark_at = self.last_activity
        return self._bookmark(), continues

    def _count(self, outcomes: Mapping[str, int]) -> None:
        for outcome, number in outcomes.items():
            self._outcomes[outcome].inc(number)

    def _watch_ends(self, outcome: str, why: str) -> None:
        _log.warning("a watch ends with an %s line", outcome, extra={"resource": self.resource, "line": why})

    def _apply_bookmark(self, line: Line) -> str:
        """Apply a bookmark; return the outcome."""
        try:
            self.store.bookmark(int(read_bookmark(line.object).metadata.resource_version))
        except ValueError:
            return "unreadable"
        return "bookmark"

    def _apply_change(self, type_: str, decoded: Reading[K, V] | None, line: bytes) -> str:
        """Apply an object's line; return the outcome: ``changed`` if anything that is counted has."""
        if decoded is None:
            return "unreadable"
        # What was forgotten stays so until the next list.
        if not self.store.synced or decoded.version <= self.store.resource_version:
            return "late"
        if decoded.is_known:
            self.store.bookmark(decoded.version)
            return "unchanged"
        key, deleted = decoded.key, type_ == "DELETED"
        self._known.put(key, None if deleted else decoded.fingerprint)
        self._set_problem(key, None if deleted else decoded.problem)
        if self._fit_store is not None:
            self._fit_store.apply_line(key, None if deleted else _for_fit(decoded))
        value = None if deleted else decoded.value
        if not self.store.apply_line(key, value, decoded.version):
            return "unchanged"
        if value is None:
            self._on_gone(line)
        return "changed"

    # Lists and watches

    def _decode(self, raw: msgspec.Raw, *, fingerprinted: bool = False) -> Reading[K, V] | None:
        try:
            return self._decoder.read(raw, fingerprinted=fingerprinted)
        except ValueError as error:
            self._skipped.inc()
            _log.warning(
                "an object without a name is left out", extra={"resource": self.resource, "error": str(error)}
            )
            return None

    def _set_problem(self, key: K, problem: str | None) -> None:
        """Set an object's problem, and log a new one; None for no problem."""
        if problem is None:
            if key not in self._problems:
                return
            del self._problems[key]
        else:
            if key not in self._problems:
                self._skipped.inc()
                name = "/".join(key) if isinstance(key, tuple) else key
                _log.warning(
                    "an object, or a part of it, can't be decoded and is left out",
                    extra={"resource": self.resource, "object": name, "error": problem},
                )
            self._problems[key] = problem
        self._skipped_now.set(len(self._problems))

    def _progressed(self, *, changed: bool) -> None:
        # What others' connections brought while this was applied isn't read yet.
        self.contact = self.last_activity
        self._on_progress(changed)

    def _bookmark(self) -> bytes:
        self._bookmarked = self.store.resource_version
        metadata = {"resourceVersion": str(self.store.resource_version)}
        object_ = {"apiVersion": "v1", "kind": self.kind, "metadata": metadata}
        return _encode({"type": "BOOKMARK", "object": object_}) + b"\n"


def _for_fit(decoded: Reading[Any, Any]) -> Any:
    """Return an object as the fit engine reads it; of one that can't be decoded as a whole, what can be."""
    if decoded.problem is None:
        return decoded.fit
    part = decoded.fit.part if isinstance(decoded.fit, Unreadable) else decoded.fit
    return Unreadable(decoded.problem, part if isinstance(part, FitPod | FitNode) else None)
