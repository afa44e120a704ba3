"""Lists of pods or nodes: filtered, sorted, paginated, and encoded as JSON or CSV.

A long page is encoded in slices, and one page at a time, so that other requests don't wait for it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from lens.api import envelope
from lens.api.lists import continue_token, csv_table
from lens.api.lists.list_queue import ListQueue
from lens.api.parameters.lists import ListParameters
from lens.concurrency import slices
from lens.model.cluster_state import StateView
from lens.model.inventory.list_index import Key, KeyOf, ListIndex, Page, Source
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.snapshot import EMPTY, Snapshot
from lens.model.k8s import timestamps

L = TypeVar("L", bound=ListParameters)
T = TypeVar("T")
V = TypeVar("V")

MakeRow = Callable[[V, StateView, int], Mapping[str, Any]]
"""Makes an entry's row in a state, at an epoch second."""

EncodeRows = Callable[[Sequence[V], StateView, int, int], bytes]
"""Encodes the rows of some entries in a state as JSON, separated by commas. The numbers are that of all
entries and the epoch second."""

CSV = "text/csv"

_LONG = 500
_BATCH = 16
"""Rows that are encoded between two checks of the slice's time."""

_MAX_INDEXES = 4
_FEW_CHANGES = 200
_END = b"]}}"
MAX_PEER_TOKEN = 4096
"""Characters of a peer's ``continue`` token, which goes into a header field."""


class Sort(NamedTuple, Generic[V]):
    """A value of one type by which entries are sorted, before their names."""

    value: Callable[[Snapshot, V], str | int]
    type: type


class Kind(NamedTuple, Generic[V]):
    """What a list has: the fields of its rows and their number, and the names that identify an entry."""

    rows: str
    total: str
    names: Callable[[V], tuple[str, ...]]
    number_of_names: int


PODS: Kind[Pod] = Kind("tasks", "total_tasks", lambda pod: (pod.namespace, pod.name), 2)
NODES: Kind[NodeOccupancy] = Kind("nodes", "total_nodes", lambda node: (node.name,), 1)


class Rows(NamedTuple, Generic[V]):
    """How rows are made. ``tag`` differs where rows of the same state do."""

    encode: EncodeRows[V]
    make: MakeRow[V]
    tag: str = ""


class EncodedList(NamedTuple):
    """A response's body, its representation header fields, and the part of its entity tag."""

    body: bytes
    headers: Mapping[str, str]
    tag: str = ""


class _PeerBody(msgspec.Struct):
    data: dict[str, msgspec.Raw]


_decode_peer_body = msgspec.json.Decoder(_PeerBody).decode
_decode_peer_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_peer_token = msgspec.json.Decoder(str | None).decode
_decode_peer_row = msgspec.json.Decoder(dict[str, Any]).decode


ALL: Mapping[str, Callable[[Any], bool]] = {"all": lambda _: True}
"""The states of a list that has only one."""


class Listing(Generic[L, V]):
    """One kind of list."""

    def __init__(
        self,
        kind: Kind[V],
        source: Source[V],
        sorts: Mapping[str, Sort[V]],
        rows: Rows[V],
        columns: tuple[str, ...],
        queue: ListQueue,
        states: Mapping[str, Callable[[V], bool]] = ALL,
        rows_of: Callable[[StateView, L, Sequence[V]], Awaitable[Rows[V]]] | None = None,
        version: Callable[[StateView], Hashable] = lambda _: None,
    ) -> None:
        """Take the source of the entries and the functions that make their rows.

        Where these depend on all entries of a page, ``rows_of`` returns those of each page. ``version``
        returns what they depend on that may change without an epoch's end.

        ``sorts`` are the sort orders other than ``name``, ``states`` the values of the parameter ``state``,
        ``columns`` those of the CSV. Long pages wait in ``queue``.
        """
        self._kind = kind
        self._source = source
        self._sorts = sorts
        self._states = states
        self._rows = rows
        self._rows_of = rows_of
        self.version = version
        self._columns = columns
        self._queue = queue
        self._indexes: OrderedDict[tuple[str, str], ListIndex[V]] = OrderedDict()
        self._indexing = asyncio.Lock()

    def start_after(self, params: L) -> Key | None:
        """Return the key after which the page starts. Raise an ApiError for an invalid ``continue``."""
        if params.continue_ is None:
            return None
        sort = self._sorts.get(params.sort.removeprefix("-"))
        names = [str] * self._kind.number_of_names
        types = names if sort is None else [sort.type, *names]
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

        async def encode() -> EncodedList:
            rows = self._rows
            if self._rows_of is not None:
                rows = await self._rows_of(current, params, page.entries)
            if media_type == CSV:
                encoded = await self._csv(current, params, path, page, token, now, rows)
            else:
                encoded = await self._json(current, params, page, token, current_at, now, rows)
            return encoded._replace(tag=rows.tag)

        if len(page.entries) <= _LONG:
            return await encode()
        async with self._queue.slot(caller):
            return await encode()

    async def _page(self, snapshot: Snapshot, params: L) -> Page[V]:
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
                # In the order of names a namespace's pods are adjacent.
                first=params.scope if self._kind is PODS and params.sort in ("name", "-name") else None,
            )

    def _index(self, params: L) -> ListIndex[V]:
        """Return the index of a state and a sort order; the least recently used ones are dropped."""
        which = params.selection, params.sort.removeprefix("-")
        index = self._indexes.get(which)
        if index is None:
            index = self._indexes[which] = ListIndex(self._source, self._key(*which))
            if len(self._indexes) > _MAX_INDEXES:
                self._indexes.popitem(last=False)
        self._indexes.move_to_end(which)
        return index

    def _key(self, state: str, name: str) -> KeyOf[V]:
        selected, sort, names = self._states[state], self._sorts.get(name), self._kind.names
        if sort is None:
            return lambda _, entry: names(entry) if selected(entry) else None
        value = sort.value
        return lambda snapshot, entry: (value(snapshot, entry), *names(entry)) if selected(entry) else None

    async def _json(
        self,
        current: StateView,
        params: L,
        page: Page[V],
        token: str | None,
        current_at: float,
        now: int,
        rows: Rows[V],
    ) -> EncodedList:
        data = {
            "cluster": params.cluster,
            "timestamp": timestamps.render(current_at),
            self._kind.total: page.total,
            "continue": token,
            self._kind.rows: [],
        }
        head = envelope.encode(data).removesuffix(_END)
        encoded = await slices.each(
            lambda entries: rows.encode(entries, current, page.total, now), _batches(page.entries)
        )
        body = b"".join((head, b",".join(encoded), _END))
        return EncodedList(body, {"Content-Type": envelope.CONTENT_TYPE})

    async def _csv(
        self,
        current: StateView,
        params: L,
        path: str,
        page: Page[V],
        token: str | None,
        now: int,
        rows: Rows[V],
    ) -> EncodedList:
        made = (map(rows.make, entries, repeat(current), repeat(now)) for entries in _batches(page.entries))
        return await self._table(made, params, path, token)

    async def csv_of_peer(self, body: bytes, params: L, path: str) -> EncodedList:
        """Return a peer's list in JSON as CSV.

        Raise msgspec.DecodeError, ValueError and RecursionError: not everything that can be decoded can be
        encoded.
        """
        data = _decode_peer_body(body).data
        token = _decode_peer_token(data.get("continue", b"null"))
        if token is not None and len(token) > MAX_PEER_TOKEN:
            raise ValueError("continue is too long")
        if self._kind.rows not in data:
            raise ValueError(f"there are no {self._kind.rows}")
        entries = _decode_peer_rows(data[self._kind.rows])
        rows = (map(_decode_peer_row, batch) for batch in _batches(entries))
        return await self._table(rows, params, path, token)

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
