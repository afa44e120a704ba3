import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.apiserver.watching import next_bookmark
from lens_sim.objects.resources import PODS
from lens_sim.objects.store import Store
from tests.integration.sim.conftest import TOKEN
from tests.integration.sim.manifests import NOW, add_node, add_pods, pod


class Lines:
    """The events of an open watch, one at a time."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> tuple[str, Any]:
        line = await self._response.content.readline()
        assert line.endswith(b"\n"), line
        event = json.loads(line)
        return event["type"], event["object"]

    async def seen(self) -> tuple[str, str]:
        kind, obj = await self.next()
        return kind, obj["metadata"]["name"]

    async def ended(self) -> bool:
        return await self._response.content.readline() == b""


@asynccontextmanager
async def watching(client: aiohttp.ClientSession, path: str, **query: str) -> AsyncIterator[Lines]:
    async with client.get(path, params={"watch": "true", **query}) as response:
        assert response.status == 200, await response.text()
        yield Lines(response)


async def test_a_watch_begins_after_its_resource_version(store: Store, client: aiohttp.ClientSession) -> None:
    add_pods(store, "a")
    since = str(store.version)
    add_pods(store, "b")
    async with watching(client, "/api/v1/pods", resourceVersion=since) as lines:
        kind, obj = await lines.next()
        assert (kind, obj["kind"], obj["apiVersion"], obj["metadata"]["name"]) == ("ADDED", "Pod", "v1", "b")
        store.put(PODS, pod("a", phase="Failed"), NOW)
        assert await lines.seen() == ("MODIFIED", "a")
        add_node(store, "n")
        store.delete(PODS, "ns/a")
        kind, obj = await lines.next()
        assert (kind, obj["status"]["phase"]) == ("DELETED", "Failed")
        assert obj["metadata"]["resourceVersion"] == str(store.version)


@pytest.mark.parametrize("version", [{}, {"resourceVersion": "0"}])
async def test_a_watch_from_nowhere_begins_with_what_there_is(
    store: Store, client: aiohttp.ClientSession, version: dict[str, str]
) -> None:
    add_pods(store, "b", "a")
    async with watching(client, "/api/v1/namespaces/ns/pods", **version) as lines:
        assert [await lines.seen(), await lines.seen()] == [("ADDED", "a"), ("ADDED", "b")]
        store.put(PODS, pod("x", namespace="elsewhere"), NOW)
        add_pods(store, "c")
        assert await lines.seen() == ("ADDED", "c")


async def test_what_leaves_the_selection_is_deleted_in_its_old_state(
    store: Store, client: aiohttp.ClientSession
) -> None:
    add_pods(store, "a")
    selector = "status.phase!=Succeeded,status.phase!=Failed"
    since = str(store.version)
    async with watching(client, "/api/v1/pods", fieldSelector=selector, resourceVersion=since) as lines:
        store.put(PODS, pod("a", phase="Succeeded"), NOW)
        kind, obj = await lines.next()
        assert (kind, obj["status"]["phase"]) == ("DELETED", "Running")
        assert obj["metadata"]["resourceVersion"] == str(store.version)
        store.put(PODS, pod("a", phase="Failed"), NOW)
        store.put(PODS, pod("a", phase="Pending"), NOW)
        kind, obj = await lines.next()
        assert (kind, obj["status"]["phase"]) == ("ADDED", "Pending")


async def test_what_loses_its_label_is_deleted(store: Store, client: aiohttp.ClientSession) -> None:
    store.put(PODS, pod("a", labels={"app": "x"}), NOW)
    async with watching(client, "/api/v1/pods", labelSelector="app=x") as lines:
        assert await lines.seen() == ("ADDED", "a")
        store.put(PODS, pod("a"), NOW)
        kind, obj = await lines.next()
        assert (kind, obj["metadata"]["labels"]) == ("DELETED", {"app": "x"})


async def test_a_compacted_version_gets_an_error_line(store: Store, client: aiohttp.ClientSession) -> None:
    add_pods(store, "a")
    since = str(store.version)
    add_pods(store, "b")
    store.compact()
    async with watching(client, "/api/v1/pods", resourceVersion=since) as lines:
        kind, status = await lines.next()
        assert (kind, status["kind"], status["code"], status["reason"]) == ("ERROR", "Status", 410, "Expired")
        assert await lines.ended()


async def test_an_open_watch_survives_a_compaction(store: Store, client: aiohttp.ClientSession) -> None:
    async with watching(client, "/api/v1/pods", resourceVersion=str(store.version)) as lines:
        add_pods(store, "a", "b")
        store.compact()
        assert [await lines.seen(), await lines.seen()] == [("ADDED", "a"), ("ADDED", "b")]


async def test_bookmarks_come_and_the_watch_ends_in_time(store: Store) -> None:
    server = SimApiServer(store, TOKEN, bookmark_interval=0.05)
    await server.start()
    add_pods(store, "a")
    query = {"resourceVersion": str(store.version), "timeoutSeconds": "1", "allowWatchBookmarks": "true"}
    add_node(store, "n")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(server.url, headers=headers) as client, asyncio.timeout(10):
        async with watching(client, "/api/v1/pods", **query) as lines:
            kind, bookmark = await lines.next()
            assert (kind, bookmark["kind"]) == ("BOOKMARK", "Pod")
            assert bookmark["metadata"]["resourceVersion"] == str(store.version)
            count = 1
            while not await lines.ended():
                count += 1
            assert count > 5
        async with watching(client, "/api/v1/pods", timeoutSeconds="1") as lines:
            assert await lines.seen() == ("ADDED", "a")
            assert await lines.ended(), "no bookmark was allowed"
    await server.stop()


def test_the_last_bookmark_comes_two_seconds_before_the_end() -> None:
    assert next_bookmark(now=0, deadline=300, interval=60) == 60
    assert next_bookmark(now=240, deadline=300, interval=60) == 298
    assert next_bookmark(now=298, deadline=300, interval=60) > 300


async def test_a_watch_from_the_future_is_silent(store: Store) -> None:
    server = SimApiServer(store, TOKEN, bookmark_interval=0.05)
    await server.start()
    query = {"resourceVersion": str(store.version + 2), "timeoutSeconds": "1", "allowWatchBookmarks": "true"}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(server.url, headers=headers) as client, asyncio.timeout(10):
        async with watching(client, "/api/v1/pods", **query) as lines:
            add_pods(store, "a")
            assert await lines.ended()
        async with watching(client, "/api/v1/pods", **query) as lines:
            add_pods(store, "b", "c")
            assert await lines.seen() == ("ADDED", "c")
    await server.stop()


async def test_a_watch_is_silent_after_a_restore_until_the_versions_are_new(store: Store) -> None:
    server = SimApiServer(store, TOKEN, bookmark_interval=0.05)
    await server.start()
    backup = store.version
    add_pods(store, "lost")
    query = {"resourceVersion": str(backup), "allowWatchBookmarks": "true"}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        asyncio.timeout(10),
        aiohttp.ClientSession(server.url, headers=headers) as client,
        watching(client, "/api/v1/pods", **query) as lines,
    ):
        assert await lines.seen() == ("ADDED", "lost")
        store.rewind(backup)
        add_pods(store, "again", "new")
        found = [await lines.next() for _ in range(3)]
        assert [obj["metadata"]["name"] for kind, obj in found if kind != "BOOKMARK"] == ["new"]
    await server.stop()


async def test_many_events_reach_many_watchers_in_order(store: Store, client: aiohttp.ClientSession) -> None:
    async def versions(count: int) -> list[int]:
        async with watching(client, "/api/v1/pods", resourceVersion="1") as lines:
            return [int((await lines.next())[1]["metadata"]["resourceVersion"]) for _ in range(count)]

    watchers = [asyncio.create_task(versions(2_000)) for _ in range(3)]
    for number in range(2_000):
        store.put(PODS, pod(f"pod-{number % 100}", phase=f"phase-{number}"), NOW)
        if number % 50 == 0:
            await asyncio.sleep(0)
    for seen in await asyncio.gather(*watchers):
        assert seen == list(range(2, 2_002))
