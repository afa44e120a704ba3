import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import kopf
import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.resources import NODES, PODS
from lens_sim.objects.store import Store
from tests.integration.sim.conftest import TOKEN
from tests.integration.sim.manifests import NOW, add_daemon_set, add_node, add_pods, pod

Seen = list[tuple[str | None, str, str]]


class Operator:
    """An ordinary kopf operator in a thread of its own, that notes what happens to objects."""

    def __init__(self, url: str) -> None:
        self.seen: Seen = []
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._registry = kopf.OperatorRegistry()
        self._url = url
        self._thread = threading.Thread(target=self._run)
        kopf.on.login(registry=self._registry)(self._login)
        for version, resource in (("v1", "pods"), ("v1", "nodes"), ("apps/v1", "daemonsets")):
            kopf.on.event(version, resource, registry=self._registry)(self._note)

    def _login(self, **_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server=self._url, token=TOKEN, scheme="Bearer")

    async def _note(self, type: str | None, name: str, body: kopf.Body, **_: Any) -> None:  # noqa: A002
        self.seen.append((type, name, str(body.get("status", {}).get("phase", ""))))

    def _run(self) -> None:
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.networking.error_backoffs = [0.1] * 200
        self._loop.run_until_complete(
            kopf.operator(
                registry=self._registry,
                settings=settings,
                standalone=True,
                clusterwide=True,
                stop_flag=self._stop,
            )
        )
        self._loop.close()

    def __enter__(self) -> "Operator":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive()


async def until(condition: Callable[[], bool], within: float = 30) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.getLogger("kopf").setLevel(logging.ERROR)
    yield
    logging.getLogger("kopf").setLevel(logging.NOTSET)


async def test_an_ordinary_operator_lists_and_watches(store: Store, server: SimApiServer) -> None:
    add_pods(store, *(f"pod-{number}" for number in range(250)))
    add_node(store, "n1")
    with Operator(server.url) as operator:
        await until(lambda: len(operator.seen) == 251)
        assert (None, "pod-0", "Running") in operator.seen
        assert (None, "n1", "") in operator.seen
        add_pods(store, "new")
        store.put(PODS, pod("pod-7", phase="Failed"), NOW)
        store.delete(NODES, "n1")
        await until(lambda: len(operator.seen) == 254)
        assert set(operator.seen[-3:]) == {
            ("ADDED", "new", "Running"),
            ("MODIFIED", "pod-7", "Failed"),
            ("DELETED", "n1", ""),
        }


async def test_an_ordinary_operator_follows_another_groups_objects(
    store: Store, server: SimApiServer
) -> None:
    add_daemon_set(store, "first")
    with Operator(server.url) as operator:
        await until(lambda: (None, "first", "") in operator.seen)
        add_daemon_set(store, "second")
        await until(lambda: ("ADDED", "second", "") in operator.seen)


async def test_an_ordinary_operator_lists_again_after_a_410(store: Store, server: SimApiServer) -> None:
    add_pods(store, "stays", "vanishes")
    with Operator(server.url) as operator:
        await until(lambda: len(operator.seen) == 2)
        await server.stop()
        store.delete(PODS, "ns/vanishes")
        add_pods(store, "appears")
        store.compact()
        await server.start()
        # The list that follows a 410 names what is there, in any order, and can't name what vanished.
        await until(lambda: len(operator.seen) == 4)
        assert sorted(name for _, name, _ in operator.seen[2:]) == ["appears", "stays"]
        assert all(kind != "DELETED" for kind, _, _ in operator.seen)
        add_pods(store, "later")
        await until(lambda: ("ADDED", "later", "Running") in operator.seen)
