"""Each way in which answers can be wrong is found, and nothing is found in right ones."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.apiserver.reviews import Account, Right
from lens_sim.objects.resources import NODES, PODS
from lens_sim.objects.store import Store
from tests.chaos.churn import MARKERS, Written
from tests.chaos.clients import PAGE, Clients, Listed, Streamed
from tests.chaos.history import wrong_answers, wrong_shows, wrong_streams
from tests.chaos.tenant import OWN, Revoked, Shown, ask
from tests.e2e.lens import CLUSTER
from tests.integration.history.middleman import Data, Event, Honest, middlemen
from tests.integration.operator import LISTENING, Command, environment, get
from tests.integration.watch.objects import node, pod
from tests.kubeconfig import write_kubeconfig

TOKEN, ADMIN, TENANT = "own", "admin", "tenant"
LAG_S = 1.0
DEADLINE_S = 30.0
SECRET = "team"
"""A namespace that the tenant may not see."""


S = TypeVar("S", Listed, Streamed)


class Cluster:
    """A simulated cluster, and the log of what was written there."""

    def __init__(self) -> None:
        self.store = Store()
        self.log: dict[str, Written] = {}
        self.store.put(NODES, node("n1", 64), datetime.now(UTC))
        self.store.put(PODS, pod("secret", "n1"), datetime.now(UTC))

    def create(self, name: str) -> None:
        made = pod(name, "n1")
        made["metadata"]["namespace"] = MARKERS
        self.log[name] = Written(name)
        self.store.put(PODS, made, datetime.now(UTC))
        self.log[name].created = time.time()

    def delete(self, name: str) -> None:
        self.log[name].delete_sent = time.time()
        self.store.delete(PODS, f"{MARKERS}/{name}")
        self.log[name].deleted = time.time()

    @property
    def present(self) -> list[str]:
        return [name for name, each in self.log.items() if each.deleted > time.time()]


@pytest.fixture
async def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
async def lens(cluster: Cluster, tmp_path: Path) -> AsyncIterator[str]:
    """Return the address of a Lens that watches the cluster."""
    sim = SimApiServer(cluster.store, TOKEN)
    realtime = Right("get", "lens", "realtime")
    for token, right in ((ADMIN, realtime), (TENANT, realtime._replace(namespace="nowhere"))):
        sim.accounts.by_token[token] = Account(token)
        sim.accounts.rights[token] = {right}
    await sim.start()
    env = environment(
        cluster=CLUSTER,
        listen="127.0.0.1:0",
        auth="kubernetes",
        kubeconfig=str(write_kubeconfig(tmp_path / "kubeconfig", sim.url, {"token": TOKEN})),
        requests_per_minute="1000000",
    )
    with Command(["serve"], tmp_path / "log", env, forked=True) as process:
        address = (await asyncio.to_thread(process.wait_for_match, LISTENING))[1]
        await until(lambda: get(f"http://{address}/readyz")[0] == 200, "readiness")
        yield f"http://{address}"
    await sim.stop()


async def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; it may block."""
    deadline = time.monotonic() + DEADLINE_S
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline, f"not in {DEADLINE_S:g} s: {what}"
        await asyncio.sleep(0.02)


class Stale(Honest):
    """Has the rows of the first answer with all later times."""

    def __init__(self) -> None:
        self._first: Data | None = None

    def data(self, query: dict[str, str], data: Data) -> Data:
        if "limit" in query:
            return data
        self._first = self._first or data
        return data | {"tasks": self._first["tasks"]}


class PageTwice(Honest):
    """Answers for the second page with the first."""

    def __init__(self) -> None:
        self._repeats = True

    def query(self, query: dict[str, str]) -> dict[str, str]:
        if "continue" in query and self._repeats:
            self._repeats = False
            return {name: value for name, value in query.items() if name != "continue"}
        return query


class PageSkipped(Honest):
    """Ends each list after its first page."""

    def data(self, query: dict[str, str], data: Data) -> Data:
        return data | {"continue": None}


class ChangeDropped(Honest):
    """Keeps a stream's first change to itself."""

    def __init__(self) -> None:
        self._drops = True

    def events(self, event: Event) -> Iterable[Event]:
        if event.name == "change" and self._drops and (event.data.get("tasks") or {}).get("changed"):
            self._drops = False
            return ()
        return (event,)


class SequenceBack(Honest):
    """Numbers a stream's events from the last to the first."""

    def __init__(self) -> None:
        self._numbers = itertools.count(10**6, -1)

    def events(self, event: Event) -> Iterable[Event]:
        epoch = event.id.rpartition("-")[0]
        return (event._replace(id=f"{epoch}-{next(self._numbers)}"),)


class Everyones(Honest):
    """Gives everybody what the administrator gets, as a cache does that forgets whose an answer is."""

    def token(self, token: str) -> str:
        return ADMIN


class WholeCluster(Everyones):
    """Shows with a namespace's tasks all others, too."""

    def query(self, query: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in query.items() if name != "namespace"}


SPOILED = {
    Stale: "is missing",
    PageTwice: "2 times",
    PageSkipped: "is missing",
    ChangeDropped: "is missing",
    SequenceBack: "event",
}


async def test_what_was_tampered_with_is_found_and_nothing_else(cluster: Cluster, lens: str) -> None:
    for number in range(PAGE + 2):
        cluster.create(f"first-{number}")
    spoils = [Honest(), *(each() for each in SPOILED)]
    async with middlemen(lens, ADMIN, *spoils) as asked:
        clients = Clients(asked)
        clients.start()
        try:
            await until(lambda: all(each.events for each in clients.streams), "snapshots")
            asked_at = len(clients.lists)
            await until(lambda: len(clients.lists) >= asked_at + 2 * len(asked), "answers")
            cluster.create("second")
            cluster.delete("first-0")
            written = time.time()

            def recorded(since: float) -> bool:
                """Tell whether all lists and pages that say that they are newer came from everyone."""
                numbers = set(range(len(asked)))
                return all(
                    numbers <= {each.replica for each in found if each.current_at > since}
                    for found in (clients.lists, clients.pages)
                )

            await until(lambda: recorded(written + LAG_S), "answers that are newer than the last write")
            # One more change, after those that were dropped.
            cluster.create("third")
            await until(lambda: all("third" in each.tasks for each in clients.streams), "changes")
        finally:
            await clients.stop()
    found = [
        [
            *wrong_answers(of(each, (*clients.lists, *clients.pages)), cluster.log, LAG_S),
            *wrong_streams(of(each, clients.streams), cluster.present),
        ]
        for each in range(len(spoils))
    ]
    assert clients.failed == []
    assert found[0] == []
    for (spoiled, problem), wrong in zip(SPOILED.items(), found[1:], strict=True):
        assert any(problem in each for each in wrong), (spoiled.__name__, wrong)


def of(number: int, all_of_them: Iterable[S]) -> list[S]:
    """Return those of one replica."""
    return [each for each in all_of_them if each.replica == number]


async def test_what_rbac_hides_is_found_where_it_is_shown(cluster: Cluster, lens: str) -> None:
    cluster.create("marker")
    other = f"namespace={SECRET}"
    revoked = [Revoked(time.time() - 60)]
    async with middlemen(lens, ADMIN, Honest(), Everyones(), WholeCluster()) as asked:
        shown: list[list[Shown]] = [[] for _ in asked]
        tasks = [
            asyncio.create_task(ask(middleman.url, TENANT, what, shown[middleman.number]))
            for middleman in asked
            for what in (OWN, other, "")
        ]
        await until(lambda: all(len({each.what for each in of}) == 3 for of in shown[1:]), "what is shown")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    honest, everyones, whole = (list(wrong_shows(each, revoked)) for each in shown)
    assert (shown[0], honest) == ([], [])
    for what in (OWN, other, "all"):
        assert any(f"asked for {what} at" in each and ": 200" in each for each in everyones), everyones
    assert any(f"tasks of {SECRET}" in each for each in whole), whole
