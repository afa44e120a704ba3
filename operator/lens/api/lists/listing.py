"""Lists of pods: filtered, sorted, paginated, and encoded as JSON or CSV.

A long page is encoded in slices, and one page at a time, so that other requests don't wait for it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from lens import slices
from lens.api import envelope
from lens.api.lists import continue_token, csv_table
from lens.api.lists.list_queue import ListQueue
from lens.api.lists.row_cache import MakeRow, RowCache
from lens.api.parameters import ListParameters
from lens.model.cluster_state import StateView
from lens.model.inventory.pod import Pod
from lens.model.inventory.pod_index import Key, KeyOf, Page, PodIndex, Source
from lens.model.inventory.snapshot import EMPTY, Snapshot
from lens.model.k8s import timestamps

L = TypeVar("L", bound=ListParameters)
T = TypeVar("T")

CSV = "text/csv"

_LONG = 500
_BATCH = 16
"""Rows that are encoded between two checks of the slice's time."""

_MAX_INDEXES = 4
_FEW_CHANGES = 200
_END = b"]}}"
MAX_PEER_TOKEN = 4096
"""Characters of a peer's ``continue`` token, which goes into a header field."""


class Sort(NamedTuple):
    """A value of one type by which pods are sorted, before namespace and name."""

    value: Callable[[Snapshot, Pod], str | int]
    type: type


class EncodedList(NamedTuple):
    """A response's body, and its representation header fields."""

    body: bytes
    headers: Mapping[str, str]


class _PeerList(msgspec.Struct):
    tasks: list[msgspec.Raw]
    continue_token: str | None = msgspec.field(default=None, name="continue")


class _PeerBody(msgspec.Struct):
    data: _PeerList


_decode_peer_list = msgspec.json.Decoder(_PeerBody).decode
_decode_peer_row = msgspec.json.Decoder(dict[str, Any]).decode


class Listing(Generic[L]):
    """One kind of list of pods."""

    def __init__(
        self,
        source: Source,
        sorts: Mapping[str, Sort],
        states: Mapping[str, Callable[[Pod], bool]],
        row_cache: RowCache,
        row: MakeRow,
        columns: tuple[str, ...],
        queue: ListQueue,
    ) -> None:
        """Take the source of the pods and the functions that make their rows.

        ``sorts`` are the sort orders beside ``name``, ``states`` the values of the parameter ``state``,
        ``columns`` those of the CSV. Long pages wait in ``queue``.
        """
        self._source = source
        self._sorts = sorts
        self._states = states
        self._row_cache = row_cache
        self._row = row
        self._columns = columns
        self._queue = queue
        self._indexes: OrderedDict[tuple[str, str], PodIndex] = OrderedDict()
        self._indexing = asyncio.Lock()

    def start_after(self, params: L) -> Key | None:
        """Return the key after which the page starts. Raise an ApiError for an invalid ``continue``."""
        if params.continue_ is None:
            return None
        sort = self._sorts.get(params.sort.removeprefix("-"))
        types = (str, str) if sort is None else (sort.type, str, str)
        return continue_token.decode(params.continue_, params.query, types)

    async def encode(
        self,
        current: StateView,
        params: L,
        path: str,
        media_type: str,
        current_at: float,
        now: int,
        caller: str = "",
    ) -> EncodedList:
        """Return the page that ``caller`` requests at the epoch second ``now``.

        ``current_at`` is when its figures were last known to be current. Raise an ApiError: 503 when too many
        pages wait.
        """
        page = await self._page(current.snapshot, params)
        token = None if page.after is None else continue_token.encode(params.query, page.after)
        encode = (
            partial(self._csv, current, params, path, page, token, now)
            if media_type == CSV
            else partial(self._json, current, params, page, token, current_at, now)
        )
        if len(page.pods) <= _LONG:
            return await encode()
        async with self._queue.slot(caller):
            return await encode()

    async def _page(self, snapshot: Snapshot, params: L) -> Page:
        async with self._indexing:
            index = self._index(params)
            if index.snapshot is EMPTY or abs(snapshot.sequence - index.snapshot.sequence) > _FEW_CHANGES:
                await asyncio.to_thread(index.advance, snapshot)
            else:
                index.advance(snapshot)
            return index.page(
                after=self.start_after(params),
                limit=params.limit,
                backwards=params.sort.startswith("-"),
                only=params.filter,
            )

    def _index(self, params: L) -> PodIndex:
        """Return the index of a state and a sort order; the least recently used ones are dropped."""
        which = params.selection, params.sort.removeprefix("-")
        index = self._indexes.get(which)
        if index is None:
            index = self._indexes[which] = PodIndex(self._source, self._key(*which))
            if len(self._indexes) > _MAX_INDEXES:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(which)
        return index

    def _key(self, state: str, name: str) -> KeyOf:
        selected, sort = self._states[state], self._sorts.get(name)
        if sort is None:
            return lambda _, pod: (pod.namespace, pod.name) if selected(pod) else None
        value = sort.value
        return lambda snapshot, pod: (
            (value(snapshot, pod), pod.namespace, pod.name) if selected(pod) else None
        )

    async def _json(
        self, current: StateView, params: L, page: Page, token: str | None, current_at: float, now: int
    ) -> EncodedList:
        data = {
            "cluster": params.cluster,
            "timestamp": timestamps.render(current_at),
            "total_tasks": page.total,
            "continue": token,
            "tasks": [],
        }
        head = envelope.encode(data).removesuffix(_END)
        rows = await slices.each(
            lambda pods: self._row_cache.encode(pods, current, page.total, now), _batches(page.pods)
        )
        body = b"".join((head, b",".join(rows), _END))
        return EncodedList(body, {"Content-Type": envelope.CONTENT_TYPE})

    async def _csv(
        self, current: StateView, params: L, path: str, page: Page, token: str | None, now: int
    ) -> EncodedList:
        rows = (map(self._row, pods, repeat(current), repeat(now)) for pods in _batches(page.pods))
        return await self._table(rows, params, path, token)

    async def csv_of_peer(self, body: bytes, params: L, path: str) -> EncodedList:
        """Return a peer's list in JSON as CSV.

        Raise msgspec.DecodeError, ValueError and RecursionError: not everything that can be decoded can be
        encoded.
        """
        data = _decode_peer_list(body).data
        if data.continue_token is not None and len(data.continue_token) > MAX_PEER_TOKEN:
            raise ValueError("continue is too long")
        rows = (map(_decode_peer_row, batch) for batch in _batches(data.tasks))
        return await self._table(rows, params, path, data.continue_token)

    async def _table(
        self, rows: Iterable[Iterable[Mapping[str, Any]]], params: L, path: str, token: str | None
    ) -> EncodedList:
        parts = [csv_table.header(self._columns)]
        parts += await slices.each(partial(csv_table.lines, self._columns), rows)
        headers = {"Content-Type": csv_table.CONTENT_TYPE}
        if token is not None:
            query = {**params.model_dump(by_alias=True, exclude_none=True), "continue": token}
            headers["Link"] = f'<{path}?{urlencode(query)}>; rel="next"'
        return EncodedList(b"".join(parts), headers)


def _batches(entries: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(entries), _BATCH):
        yield entries[start : start + _BATCH]
