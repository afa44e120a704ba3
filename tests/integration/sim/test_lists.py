from typing import Any

import aiohttp
import pytest

from lens_sim.objects.resources import NODES, PODS
from lens_sim.objects.store import Store
from tests.integration.sim.manifests import NOW, add_daemon_set, add_node, add_pods, pod


async def read(client: aiohttp.ClientSession, path: str, **query: str) -> Any:
    async with client.get(path, params=query) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def refused(client: aiohttp.ClientSession, path: str, **query: str) -> Any:
    async with client.get(path, params=query) as response:
        status = await response.json()
        assert (status["kind"], status["apiVersion"], status["status"]) == ("Status", "v1", "Failure")
        assert status["code"] == response.status
        return status


def names(page: Any) -> list[str]:
    return [item["metadata"]["name"] for item in page["items"]]


async def test_a_list_has_the_shape_that_clients_know(store: Store, client: aiohttp.ClientSession) -> None:
    add_pods(store, "a")
    page = await read(client, "/api/v1/pods")
    assert (page["kind"], page["apiVersion"]) == ("PodList", "v1")
    assert page["metadata"] == {"resourceVersion": str(store.version)}
    assert page["items"][0].keys() == {"metadata", "spec", "status"}
    alone = await read(client, "/api/v1/namespaces/ns/pods/a")
    assert (alone["kind"], alone["apiVersion"]) == ("Pod", "v1")
    assert alone["metadata"] == page["items"][0]["metadata"]


async def test_pages_show_the_state_of_the_first_one(store: Store, client: aiohttp.ClientSession) -> None:
    add_pods(store, "a", "b", "c", "d", "e")
    first = await read(client, "/api/v1/pods", limit="2")
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 3)
    store.delete(PODS, "ns/c")
    store.put(PODS, pod("d", phase="Failed"), NOW)
    add_pods(store, "bb")
    second = await read(client, "/api/v1/pods", limit="2", **{"continue": first["metadata"]["continue"]})
    assert (names(second), second["metadata"]["remainingItemCount"]) == (["c", "d"], 1)
    assert second["items"][1]["status"] == {"phase": "Running"}
    last = await read(client, "/api/v1/pods", limit="2", **{"continue": second["metadata"]["continue"]})
    assert names(last) == ["e"]
    assert last["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


async def test_a_token_from_before_a_compaction_expires_and_offers_another(
    store: Store, client: aiohttp.ClientSession
) -> None:
    add_pods(store, "a", "b", "c")
    first = await read(client, "/api/v1/pods", limit="1")
    store.delete(PODS, "ns/b")
    store.compact()
    expired = await refused(client, "/api/v1/pods", limit="1", **{"continue": first["metadata"]["continue"]})
    assert (expired["code"], expired["reason"]) == (410, "Expired")
    rest = await read(client, "/api/v1/pods", **{"continue": expired["metadata"]["continue"]})
    assert names(rest) == ["c"]
    assert rest["metadata"] == {"resourceVersion": str(store.version)}


async def test_selectors_choose_and_hide_the_remaining_count(
    store: Store, client: aiohttp.ClientSession
) -> None:
    store.put(PODS, pod("a", labels={"app": "x"}), NOW)
    store.put(PODS, pod("b", phase="Succeeded", labels={"app": "x"}), NOW)
    store.put(PODS, pod("c", node="other"), NOW)
    store.put(PODS, pod("d", namespace="elsewhere"), NOW)
    unfinished = "status.phase!=Succeeded,status.phase!=Failed"
    assert names(await read(client, "/api/v1/pods", fieldSelector=unfinished)) == ["d", "a", "c"]
    assert names(await read(client, "/api/v1/pods", fieldSelector="spec.nodeName=other")) == ["c"]
    assert names(await read(client, "/api/v1/pods", fieldSelector="metadata.namespace=elsewhere")) == ["d"]
    assert names(await read(client, "/api/v1/pods", labelSelector="app in (x)")) == ["a", "b"]
    assert names(await read(client, "/api/v1/namespaces/ns/pods", labelSelector="!app")) == ["c"]
    page = await read(client, "/api/v1/pods", fieldSelector=unfinished, limit="2")
    assert names(page) == ["d", "a"]
    assert page["metadata"].keys() == {"resourceVersion", "continue"}


async def test_nodes_can_be_selected_by_their_cordon(store: Store, client: aiohttp.ClientSession) -> None:
    add_node(store, "n1")
    store.put(NODES, {"metadata": {"name": "n2"}, "spec": {"unschedulable": True}}, NOW)
    assert names(await read(client, "/api/v1/nodes", fieldSelector="spec.unschedulable=false")) == ["n1"]


async def test_an_exact_list_shows_the_past(store: Store, client: aiohttp.ClientSession) -> None:
    add_pods(store, "a")
    past = str(store.version)
    add_pods(store, "b")
    exact = await read(client, "/api/v1/pods", resourceVersion=past, resourceVersionMatch="Exact")
    assert (names(exact), exact["metadata"]["resourceVersion"]) == (["a"], past)
    newer = await read(client, "/api/v1/pods", resourceVersion=past, resourceVersionMatch="NotOlderThan")
    assert names(newer) == ["a", "b"]
    assert names(await read(client, "/api/v1/pods", resourceVersion="0")) == ["a", "b"]
    store.compact()
    query = {"resourceVersion": past, "resourceVersionMatch": "Exact"}
    assert (await refused(client, "/api/v1/pods", **query))["reason"] == "Expired"


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ({"limit": "ten"}, 400, "limit"),
        ({"timeoutSeconds": "300.0", "watch": "true"}, 400, "timeoutSeconds"),
        ({"resourceVersion": "x"}, 400, "resourceVersion"),
        ({"fieldSelector": "spec.foo=1"}, 400, "field label not supported: spec.foo"),
        ({"labelSelector": "a b c"}, 400, "unable to parse requirement"),
        ({"continue": "%%%"}, 400, "continue key is not valid"),
        ({"continue": "bm90IGpzb24"}, 400, "continue key is not valid"),
        ({"continue": "eyJ2IjoidjEiLCJydiI6MSwic3RhcnQiOiJhIn0"}, 400, "continue key is not valid"),
        ({"resourceVersionMatch": "Exact"}, 422, "resourceVersionMatch"),
        ({"resourceVersion": "1", "resourceVersionMatch": "Best"}, 422, "resourceVersionMatch"),
        ({"watch": "true", "sendInitialEvents": "true"}, 422, "sendInitialEvents"),
        ({"resourceVersion": "999"}, 504, "Too large resource version"),
    ],
)
async def test_a_query_that_makes_no_sense_is_refused_and_named(
    client: aiohttp.ClientSession, query: dict[str, str], code: int, says: str
) -> None:
    status = await refused(client, "/api/v1/pods", **query)
    assert status["code"] == code
    assert says in status["message"]


async def test_a_token_with_a_version_is_refused(store: Store, client: aiohttp.ClientSession) -> None:
    add_pods(store, "a", "b")
    token = (await read(client, "/api/v1/pods", limit="1"))["metadata"]["continue"]
    status = await refused(client, "/api/v1/pods", resourceVersion="1", **{"continue": token})
    assert status["code"] == 400


async def test_another_groups_objects_are_listed_and_selected(
    store: Store, client: aiohttp.ClientSession
) -> None:
    add_daemon_set(store, "agent", "lens")
    add_daemon_set(store, "agent", "other")
    add_daemon_set(store, "plugin", "lens")
    everywhere = await read(client, "/apis/apps/v1/daemonsets")
    assert (everywhere["kind"], everywhere["apiVersion"]) == ("DaemonSetList", "apps/v1")
    assert names(everywhere) == ["agent", "plugin", "agent"]
    in_lens = "/apis/apps/v1/namespaces/lens/daemonsets"
    assert names(await read(client, in_lens, fieldSelector="metadata.name=plugin")) == ["plugin"]
    elsewhere = await read(client, "/apis/apps/v1/daemonsets", fieldSelector="metadata.namespace!=lens")
    assert names(elsewhere) == ["agent"]
    alone = await read(client, f"{in_lens}/agent")
    assert (alone["kind"], alone["apiVersion"]) == ("DaemonSet", "apps/v1")
