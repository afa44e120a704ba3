"""Lists of pods: filtered, in order, page by page; as JSON or as CSV.

Long ones are made in slices, and one after another, so that nobody else has to wait for them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from itertools import repeat
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from lens import slices
from lens.api import envelope
from lens.api.lists import continuation, table
from lens.api.lists.rows import MakeRow, Rows
from lens.api.lists.turn import Turn
from lens.api.parameters import ListParameters
from lens.bounds import PIECE_BYTES
from lens.model.cluster_state import StateView
from lens.model.inventory.pod import Pod
from lens.model.inventory.pod_index import Key, KeyOf, Page, PodIndex, Source
from lens.model.inventory.snapshot import EMPTY, Snapshot
from lens.model.k8s import timestamps

L = TypeVar("L", bound=ListParameters)
T = TypeVar("T")

CSV = "text/csv"

_LONG = 500
_AT_ONCE = 16
"""Rows that are made before it is asked whether others are to have their turn."""

_MOST_ORDERS = 4
_FEW_CHANGES = 200
_END = b"]}}"
LONGEST_PLACE = 4096
"""Characters of a peer's ``continue``, which goes into a header field."""


class Sort(NamedTuple):
    """A value of one type that pods keep, by which they are sorted before namespace and name."""

    value: Callable[[Snapshot, Pod], str | int]
    type: type


class Content(NamedTuple):
    """An answer's bytes with their SHA-256, and the headers that describe them."""

    body: bytes
    digest: str
    headers: Mapping[str, str]


class _Told(msgspec.Struct):
    tasks: list[msgspec.Raw]
    following: str | None = msgspec.field(default=None, name="continue")


class _ToldAnswer(msgspec.Struct):
    data: _Told


_told = msgspec.json.Decoder(_ToldAnswer).decode
_told_row = msgspec.json.Decoder(dict[str, Any]).decode


class Listing(Generic[L]):
    """A list of pods that can be asked for."""

    def __init__(
        self,
        source: Source,
        sorts: Mapping[str, Sort],
        states: Mapping[str, Callable[[Pod], bool]],
        rows: Rows,
        row: MakeRow,
        columns: tuple[str, ...],
        turn: Turn,
    ) -> None:
        """Take where the pods come from and how they are told.

        ``sorts`` are those beside ``name``. ``states`` are what pods can be selected by. ``columns`` are
        those of the CSV. Long lists are made under ``turn``.
        """
        self._source = source
        self._sorts = sorts
        self._states = states
        self._rows = rows
        self._row = row
        self._columns = columns
        self._turn = turn
        self._orders: OrderedDict[tuple[str, str], PodIndex] = OrderedDict()
        self._ordering = asyncio.Lock()

    def after(self, asked: L) -> Key | None:
        """Return where the page that is asked for begins. Raise an ApiError for a wrong ``continue``."""
        if asked.continue_ is None:
            return None
        sort = self._sorts.get(asked.sort.removeprefix("-"))
        kinds = (str, str) if sort is None else (sort.type, str, str)
        return continuation.read(asked.continue_, asked.query, kinds)

    async def content(
        self, current: StateView, asked: L, path: str, media_type: str, caller: str = ""
    ) -> Content:
        """Return the page that ``caller`` asks for. Raise an ApiError: 503 when too many wait."""
        page = await self._page(current.snapshot, asked)
        following = None if page.after is None else continuation.write(asked.query, page.after)
        make = self._csv if media_type == CSV else self._json
        if len(page.pods) <= _LONG:
            return await make(current, asked, path, page, following)
        async with self._turn.wait(caller):
            return await make(current, asked, path, page, following)

    async def _page(self, snapshot: Snapshot, asked: L) -> Page:
        async with self._ordering:
            order = self._order(asked)
            if order.snapshot is EMPTY or abs(snapshot.sequence - order.snapshot.sequence) > _FEW_CHANGES:
                await asyncio.to_thread(order.advance, snapshot)
            else:
                order.advance(snapshot)
            return order.page(
                after=self.after(asked),
                limit=asked.limit,
                backwards=asked.sort.startswith("-"),
                only=asked.filter,
            )

    def _order(self, asked: L) -> PodIndex:
        which = asked.selection, asked.sort.removeprefix("-")
        order = self._orders.get(which)
        if order is None:
            order = self._orders[which] = PodIndex(self._source, self._key(*which))
            if len(self._orders) > _MOST_ORDERS:
                self._orders.popitem(last=False)
        self._orders.move_to_end(which)
        return order

    def _key(self, state: str, name: str) -> KeyOf:
        selected, sort = self._states[state], self._sorts.get(name)
        if sort is None:
            return lambda _, pod: (pod.namespace, pod.name) if selected(pod) else None
        value = sort.value
        return lambda snapshot, pod: (
            (value(snapshot, pod), pod.namespace, pod.name) if selected(pod) else None
        )

    async def _json(
        self, current: StateView, asked: L, _path: str, page: Page, following: str | None
    ) -> Content:
        data = {
            "cluster": asked.cluster,
            "timestamp": timestamps.render(current.current_at),
            "total_tasks": page.total,
            "continue": following,
            "tasks": [],
        }
        head = envelope.encode(data).removesuffix(_END)
        rows = await slices.each(
            lambda pods: self._rows.json(pods, current, page.total), _few_at_a_time(page.pods)
        )
        return await _content([head, b",".join(rows), _END], {"Content-Type": envelope.CONTENT_TYPE})

    async def _csv(
        self, current: StateView, asked: L, path: str, page: Page, following: str | None
    ) -> Content:
        rows = (map(self._row, pods, repeat(current)) for pods in _few_at_a_time(page.pods))
        return await self._table(rows, asked, path, following)

    async def told(self, body: bytes, asked: L, path: str) -> Content:
        """Return as CSV what another Lens told in JSON.

        Raise msgspec.DecodeError, ValueError and RecursionError: what can be read can't always be written.
        """
        data = _told(body).data
        if data.following is not None and len(data.following) > LONGEST_PLACE:
            raise ValueError("continue is too long")
        rows = (map(_told_row, few) for few in _few_at_a_time(data.tasks))
        return await self._table(rows, asked, path, data.following)

    async def _table(
        self, rows: Iterable[Iterable[Mapping[str, Any]]], asked: L, path: str, following: str | None
    ) -> Content:
        parts = [table.header(self._columns)]
        parts += await slices.each(partial(table.lines, self._columns), rows)
        headers = {"Content-Type": table.CONTENT_TYPE}
        if following is not None:
            query = {**asked.model_dump(by_alias=True, exclude_none=True), "continue": following}
            headers["Link"] = f'<{path}?{urlencode(query)}>; rel="next"'
        return await _content(parts, headers)


def _few_at_a_time(entries: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(entries), _AT_ONCE):
        yield entries[start : start + _AT_ONCE]


async def _content(parts: list[bytes], headers: Mapping[str, str]) -> Content:
    body, digest = b"".join(parts), sha256()
    pieces = (body[start : start + PIECE_BYTES] for start in range(0, len(body), PIECE_BYTES))
    await slices.each(digest.update, pieces)
    return Content(body, digest.hexdigest(), headers)
