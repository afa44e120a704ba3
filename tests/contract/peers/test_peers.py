"""One Lens that answers for other clusters: by asking theirs, and telling nothing that these would not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.contract import wire
from tests.contract.conftest import NOW, TOKEN, Answer, Api, Clock
from tests.contract.kubernetes import Cluster, node, pod
from tests.contract.peering import SERVICE, lens, peer, rights

STATUS = "/api/v1/realtime/status?cluster=west"
TASKS = "/api/v1/realtime/running-tasks?cluster=west"
CLUSTERS = "/api/v1/clusters"
SUMMARY = "/api/v1/realtime/summary"


@pytest.fixture
def west_cluster() -> Cluster:
    cluster = Cluster()
    cluster.add(
        node("w1"),
        node("w2"),
        pod("theirs", "w1", gpus=6, namespace="team-a"),
        pod("others", "w2", gpus=1, namespace="team-b"),
    )
    cluster.publish(NOW)
    return cluster


@pytest.fixture
async def west(tmp_path: Path, west_cluster: Cluster, clock: Clock) -> AsyncIterator[Api]:
    async with lens("west", tmp_path, west_cluster, clock) as api:
        yield api


@pytest.fixture
async def hub(tmp_path: Path, cluster: Cluster, clock: Clock, west: Api) -> AsyncIterator[Api]:
    cluster.add(node("h1", gpus=4), pod("ours", "h1", gpus=1))
    cluster.publish(NOW)
    async with lens("hub", tmp_path, cluster, clock, peers=[peer("west", west.server.url)]) as api:
        yield api


@pytest.mark.parametrize(
    "path",
    [
        STATUS,
        f"{STATUS}&include=nodes,alerts&include=events",
        TASKS,
        f"{TASKS}&namespace=team-a",
        "/api/v1/realtime/nodes/w1?cluster=west",
    ],
)
async def test_another_clusters_figures_are_those_of_its_own_lens(hub: Api, west: Api, path: str) -> None:
    assert (await hub.ask(path)).data == (await west.ask(path)).data


@pytest.mark.parametrize(
    "path", [TASKS, f"{TASKS}&limit=1&sort=-allocated_gpus", f"{TASKS}&limit=1&format=csv"]
)
async def test_another_clusters_tasks_are_the_same_as_a_table(hub: Api, west: Api, path: str) -> None:
    there, here = [await api.ask(path, Accept="text/csv") for api in (west, hub)]
    assert (here.status, here.body, here.body.count(b"\n")) == (200, there.body, 2 if "limit" in path else 3)
    for header in ("Content-Type", "Link"):
        assert here.headers.get(header) == there.headers.get(header)
    again = await hub.ask(path, Accept="text/csv", If_None_Match=here.headers["ETag"])
    assert again.status == 304


async def test_a_peer_is_asked_for_no_format(hub: Api) -> None:
    told = (await hub.ask(TASKS)).data
    assert (await hub.ask(f"{TASKS}&format=json", Accept="text/csv")).data == told
    table = await hub.ask(f"{TASKS}&format=csv")
    assert table.headers["Content-Type"].startswith("text/csv")
    assert table.body.count(b"\n") == told["total_tasks"] + 1


async def test_a_list_is_read_page_by_page_from_another_cluster(hub: Api) -> None:
    first = (await hub.ask(f"{TASKS}&limit=1")).data
    second = (await hub.ask(f"{TASKS}&limit=1&continue={first['continue']}")).data
    assert [task["pod_name"] for page in (first, second) for task in page["tasks"]] == ["theirs", "others"]
    assert second["continue"] is None
    wrong = await hub.ask(f"{TASKS}&limit=1&continue=nonsense")
    assert wrong.error[:2] == (400, 4000)


async def test_ones_own_cluster_is_answered_for_as_before(hub: Api) -> None:
    data = (await hub.ask("/api/v1/realtime/status?cluster=hub")).data
    assert (data["cluster"], data["current_gpu_usage"]["total_gpus"]) == ("hub", 4)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/api/v1/realtime/status?cluster=nowhere", (404, 4004, "Cluster not found")),
        ("/api/v1/realtime/nodes/w9?cluster=west", (404, 4004, "Node not found")),
        (f"{STATUS}&includ=nodes", (400, 4000, None)),
        (f"{TASKS}&namespace=UPPER", (400, 4000, None)),
        ("/api/v1/realtime/stream?cluster=west&include=task", (400, 4000, None)),
        ("/api/v1/realtime/stream?cluster=nowhere", (404, 4004, "Cluster not found")),
    ],
)
async def test_what_another_cluster_can_not_be_asked_is_refused_as_ones_own_would_be(
    hub: Api, path: str, error: tuple[int, int, str | None]
) -> None:
    status, code, message = (await hub.ask(path)).error
    assert (status, code) == error[:2]
    assert error[2] in (None, message)


@pytest.mark.parametrize("name", [b"..", b"%2e%2e", b"."])
async def test_a_nodes_name_is_no_way_to_another_path_of_the_peer(hub: Api, west: Api, name: bytes) -> None:
    head = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + TOKEN.encode()
    request = b"GET /api/v1/realtime/nodes/" + name + b"?cluster=west" + head + b"\r\n\r\n"
    (answer,) = await wire.exchange(hub.server, request)
    assert (answer.status, answer.meta["message"]) == (404, "Node not found")
    assert b"lens_http_requests_total{" not in (await west.ask("/metrics")).body, "it was asked"


async def test_other_clusters_require_a_token(hub: Api, west: Api) -> None:
    for path in (STATUS, CLUSTERS, SUMMARY):
        assert (await hub.ask(path, token=None)).error[:2] == (401, 4001)
        assert (await hub.ask(path, token=SERVICE + "x")).error[:2] == (401, 4001)


async def test_an_answer_is_kept_and_says_how_old_it_is(
    hub: Api, west: Api, west_cluster: Cluster, clock: Clock
) -> None:
    await west.ask(STATUS, token=SERVICE)
    clock.now = NOW + 4
    first = await hub.ask(STATUS)
    assert first.headers["Age"] == "4", "it was made four seconds ago, elsewhere"
    west_cluster.add(pod("more", "w2"))
    west_cluster.publish(NOW + 5)
    clock.now = NOW + 4.9
    second = await hub.ask(STATUS)
    assert (second.headers["Age"], second.body) == ("4", first.body)
    assert second.headers["Cache-Control"] == "private, max-age=30"
    assert (await hub.ask(STATUS, If_None_Match=second.headers["ETag"])).status == 304
    clock.now = NOW + 5
    present = await hub.ask(STATUS)
    assert present.headers["Age"] == "0"
    assert present.data["current_gpu_usage"]["allocated_gpus"] == 8
    assert present.headers["ETag"] != first.headers["ETag"]


async def test_an_answer_may_be_cached_as_long_as_the_other_cluster_says(hub: Api, west: Api) -> None:
    for path in (
        "/api/v1/realtime/fit/record?cluster=west",
        f"{STATUS}&include=alerts",
        "/api/v1/realtime/nodes?cluster=west",
    ):
        theirs = (await west.ask(path, token=SERVICE)).headers["Cache-Control"]
        for _ in range(2):
            assert (await hub.ask(path)).headers["Cache-Control"] == theirs, path
    record = await west.ask("/api/v1/realtime/fit/record?cluster=west", token=SERVICE)
    assert record.headers["Cache-Control"] == "no-store"


async def test_another_clusters_figures_have_their_age_at_the_time_of_the_response(
    hub: Api, clock: Clock
) -> None:
    for seconds in (0, 3, 12):
        clock.now = NOW + seconds
        assert (await hub.ask(STATUS)).data["freshness"]["age_seconds"] == seconds
        (_, theirs) = (await hub.ask(CLUSTERS)).data["clusters"]
        assert theirs["age_seconds"] == seconds


async def test_a_max_age_applies_at_the_other_cluster_too(hub: Api, west: Api, clock: Clock) -> None:
    await west.ask(STATUS, token=SERVICE)
    clock.now = NOW + 20
    assert (await hub.ask(STATUS, Cache_Control="max-age=10")).headers["Age"] == "0"


async def test_a_team_sees_no_more_of_another_cluster_than_of_ones_own(
    tmp_path: Path, cluster: Cluster, clock: Clock, west: Api
) -> None:
    cluster.publish(NOW)
    tokens = [rights("t", "namespaces: [team-a]"), rights(TOKEN)]
    peers = [peer("west", west.server.url)]
    async with lens("hub", tmp_path, cluster, clock, peers=peers, tokens=tokens) as hub:
        await hub.ask(STATUS)
        for path in (STATUS, TASKS, f"{TASKS}&namespace=team-b", CLUSTERS, SUMMARY):
            assert (await hub.ask(path, token="t")).error[:2] == (403, 4003)
        own = (await hub.ask(f"{TASKS}&namespace=team-a", token="t")).data
        assert [task["pod_name"] for task in own["tasks"]] == ["theirs"]


async def test_a_team_gets_no_names_in_another_clusters_fit(
    tmp_path: Path, cluster: Cluster, clock: Clock, west: Api, west_cluster: Cluster
) -> None:
    west_cluster.add(node("w3", 16, taints=[{"key": "for", "value": "team-b", "effect": "NoSchedule"}]))
    west_cluster.publish(NOW)
    cluster.publish(NOW)
    tokens = [rights("t", "namespaces: [team-a]"), rights(TOKEN)]
    fit = "/api/v1/realtime/fit?cluster=west&namespace=team-a&priority=9&gpus="
    async with lens(
        "hub", tmp_path, cluster, clock, peers=[peer("west", west.server.url)], tokens=tokens
    ) as hub:
        for gpus in (2, 10):
            whole, part = await hub.ask(f"{fit}{gpus}"), await hub.ask(f"{fit}{gpus}", token="t")
            assert part.headers["Cache-Control"] == "no-store"
            assert b"w2" in whole.body
            for name in (b"w1", b"w2", b"w3", b"team-b"):
                assert name not in part.body
            assert (part.data["fits"], part.data["max_replicas"]) == (
                whole.data["fits"],
                whole.data["max_replicas"],
            )
        assert {"change": "toleration", "value": "for=team-b:NoSchedule", "gpus": 10, "replicas": 1} in (
            whole.data["nearest"]
        )
        assert (await hub.ask(f"{fit}2&x=1", token="t")).status == 400


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("west", (400, 4000, "Invalid parameter: cluster is another Lens': send the manifest to it")),
        ("nowhere", (404, 4004, "Cluster not found")),
    ],
)
async def test_a_manifest_for_another_cluster_is_refused_and_nothing_asked_of_its_lens(
    hub: Api, west: Api, name: str, error: tuple[int, int, str]
) -> None:
    assert (await _post(hub, name)).error == error
    assert b"lens_http_requests_total{" not in (await west.ask("/metrics")).body, "it was asked"
    assert (await _post(hub, "hub")).data["fits"] == "yes"


async def _post(api: Api, cluster: str) -> Answer:
    spec = {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": 1}}}]}
    manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asked"}, "spec": spec}
    url = f"{api.server.url}/api/v1/realtime/fit?cluster={cluster}"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=manifest, headers=headers) as response,
    ):
        return Answer(response, await response.read(), await response.json())


async def test_what_the_service_token_may_not_see_is_refused_without_telling_what_it_may(
    tmp_path: Path, cluster: Cluster, clock: Clock, west_cluster: Cluster
) -> None:
    cluster.publish(NOW)
    tokens = [rights(SERVICE, "namespaces: [team-secret]")]
    async with (
        lens("west", tmp_path, west_cluster, clock, tokens=tokens) as west,
        lens("hub", tmp_path, cluster, clock, peers=[peer("west", west.server.url)]) as hub,
    ):
        answer = await hub.ask(STATUS)
        assert answer.error[:2] == (403, 4003)
        assert b"team-secret" not in answer.body


async def test_a_service_token_that_is_not_known_is_no_fault_of_the_callers(
    tmp_path: Path, cluster: Cluster, clock: Clock, west: Api
) -> None:
    cluster.publish(NOW)
    peers = [peer("west", west.server.url, token="old-token")]
    async with lens("hub", tmp_path, cluster, clock, peers=peers) as hub:
        answer = await hub.ask(STATUS)
        assert answer.error[:2] == (502, 5002)
        assert b"token" not in answer.body
        (_, entry) = (await hub.ask(CLUSTERS)).data["clusters"]
        assert (entry["status"], entry["reason"]) == ("unreachable", "FAILED")


@pytest.fixture
async def forwarding(
    tmp_path: Path, cluster: Cluster, clock: Clock, west_cluster: Cluster
) -> AsyncIterator[Api]:
    """Return a hub that shows its peer the caller's token."""
    cluster.publish(NOW)
    there = [rights("all", name="all"), rights("team", "namespaces: [team-a]", name="team")]
    here = [rights("all", name="all"), rights("team", name="team"), rights("stranger", name="stranger")]
    async with lens("west", tmp_path, west_cluster, clock, tokens=there) as west:
        peers = [peer("west", west.server.url, token=None)]
        async with lens(
            "hub", tmp_path, cluster, clock, peers=peers, tokens=here, peers_identity="caller"
        ) as hub:
            yield hub


async def test_who_may_know_the_clusters_is_told_their_names(hub: Api) -> None:
    unknown = await hub.ask("/api/v1/realtime/status?cluster=nowhere")
    assert unknown.document["meta"]["clusters"] == [
        each["name"] for each in (await hub.ask("/api/v1/clusters")).data["clusters"]
    ]
    # Another Lens may not reach them by this one.
    asked = await hub.ask("/api/v1/realtime/status?cluster=nowhere", Via="1.1 lens")
    assert asked.document["meta"]["clusters"] == ["hub"]


async def test_with_the_callers_token_the_other_cluster_decides(forwarding: Api) -> None:
    assert (await forwarding.ask(TASKS, token="all")).data["total_tasks"] == 2
    # What one has been told is kept, and not for the next.
    refused = await forwarding.ask(TASKS, token="team")
    assert refused.error == (
        403,
        4003,
        "Forbidden: the token has no right to the whole cluster, only to: team-a",
    )
    own = (await forwarding.ask(f"{TASKS}&namespace=team-a", token="team")).data
    assert [task["pod_name"] for task in own["tasks"]] == ["theirs"]
    stranger = await forwarding.ask(TASKS, token="stranger")
    assert stranger.error == (401, 4001, "Unauthorized")
    assert 'error_description="Cluster west rejects the token"' in stranger.headers["WWW-Authenticate"]


async def test_with_the_callers_token_all_clusters_are_as_the_caller_may_see_them(forwarding: Api) -> None:
    async def west(token: str) -> tuple[str, str | None, list[str]]:
        (_, entry) = (await forwarding.ask(CLUSTERS, token=token)).data["clusters"]
        unreachable = (await forwarding.ask(SUMMARY, token=token)).data["unreachable"]
        return entry["status"], entry.get("reason"), unreachable

    assert await west("all") == ("ok", None, [])
    assert await west("team") == ("unreachable", "FORBIDDEN", ["west"])
    assert await west("stranger") == ("unreachable", "FORBIDDEN", ["west"])


async def test_a_stranger_who_is_refused_elsewhere_takes_nothing_from_others(forwarding: Api) -> None:
    for _ in range(5):
        await forwarding.ask(TASKS, token="stranger")
    assert (await forwarding.ask(TASKS, token="all", Cache_Control="no-cache")).data["total_tasks"] == 2


async def test_all_clusters_are_shown_with_how_they_are(
    hub: Api, west_cluster: Cluster, clock: Clock
) -> None:
    clock.now = NOW + 2
    ours, theirs = (await hub.ask(CLUSTERS)).data["clusters"]
    assert (ours["name"], ours["local"], ours["status"]) == ("hub", True, "ok")
    assert theirs == {
        "name": "west",
        "local": False,
        "status": "ok",
        "age_seconds": 2,
        "totals": {"total_gpus": 16, "allocated_gpus": 7, "available_gpus": 9, "running_tasks": 2},
    }
    clock.now = NOW + 301
    (_, theirs) = (await hub.ask(CLUSTERS)).data["clusters"]
    assert (theirs["status"], theirs["age_seconds"]) == ("stale", 301)
    west_cluster.publish(NOW, synced=False)
    clock.now = NOW + 400
    (_, theirs) = (await hub.ask(CLUSTERS)).data["clusters"]
    assert (theirs["status"], theirs["age_seconds"], theirs["totals"]) == ("syncing", None, None)


async def test_a_cluster_whose_lens_has_not_listed_it_yet_may_be_asked_again_soon(
    hub: Api, west_cluster: Cluster
) -> None:
    west_cluster.publish(NOW, synced=False)
    answer = await hub.ask(STATUS)
    assert answer.error[:2] == (503, 5003)
    assert answer.headers["Retry-After"] == "2"


async def test_the_sum_of_all_clusters_is_right(hub: Api) -> None:
    data = (await hub.ask(SUMMARY)).data
    assert data["current_gpu_usage"] == {
        "total_gpus": 20,
        "allocated_gpus": 8,
        "utilized_gpus": 0,
        "allocation_rate": 40.0,
        "utilization_rate": 0.0,
    }
    assert data["running_tasks"] == 3
    assert data["available_resources"] == {
        "available_gpus": 12,
        "available_nodes": 3,
        "max_contiguous_gpu": 7,
        "max_contiguous_gpu_product": None,
        "max_contiguous_gpu_reason": "UNKNOWN_PRODUCT",
    }
    assert (data["timestamp"], data["unreachable"]) == ("2025-12-19T15:30:00Z", [])
    assert [(each["name"], each["status"], each["running_tasks"]) for each in data["clusters"]] == [
        ("hub", "ok", 1),
        ("west", "ok", 2),
    ]
    west = (await hub.ask(STATUS)).data
    for field in ("current_gpu_usage", "available_resources", "products", "gpu_nodes"):
        assert data["clusters"][1][field] == west[field]
    (unknown,) = data["products"]
    assert (unknown["product"], unknown["total"], unknown["largest_block"]) == (None, 20, 7)
    assert (data["gpu_nodes"]["total"], data["without_products"]) == (3, [])


async def test_a_sum_says_what_is_not_in_it(
    tmp_path: Path, cluster: Cluster, clock: Clock, west: Api
) -> None:
    cluster.add(node("h1", gpus=4))
    cluster.publish(NOW)
    peers = [peer("gone", "http://127.0.0.1:9"), peer("west", west.server.url)]
    async with lens("hub", tmp_path, cluster, clock, peers=peers) as hub:
        data = (await hub.ask(SUMMARY)).data
        assert data["unreachable"] == ["gone"]
        assert data["current_gpu_usage"]["total_gpus"] == 20
        (gone,) = (each for each in data["clusters"] if each["name"] == "gone")
        assert gone == {
            "name": "gone",
            "local": False,
            "status": "unreachable",
            "age_seconds": None,
            "current_gpu_usage": None,
            "running_tasks": None,
            "available_resources": None,
            "products": None,
            "gpu_nodes": None,
            "reasons": {},
            "reason": "FAILED",
        }
        assert (await hub.ask("/api/v1/realtime/status?cluster=gone")).error == (
            502,
            5002,
            "Cluster gone can't be asked",
        )


async def test_lenses_that_name_each_other_ask_in_no_circles(
    tmp_path: Path, cluster: Cluster, clock: Clock
) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    first, second = peer("b", ""), peer("a", "")
    astray = peer("c", "")
    async with (
        lens("a", tmp_path, cluster, clock, peers=[first, astray]) as a,
        lens("b", tmp_path, cluster, clock, peers=[second, peer("c", a.server.url)]) as b,
    ):
        first.url, second.url, astray.url = b.server.url, a.server.url, b.server.url
        data = (await a.ask(SUMMARY)).data
        assert [(each["name"], each["status"]) for each in data["clusters"]] == [
            ("a", "ok"),
            ("b", "ok"),
            ("c", "unreachable"),
        ]
        assert data["current_gpu_usage"]["total_gpus"] == 16
        assert (await a.ask("/api/v1/realtime/status?cluster=c")).error[:2] == (404, 4004)
        assert len((await b.ask(CLUSTERS)).data["clusters"]) == 3


async def test_requests_to_other_clusters_are_counted(hub: Api) -> None:
    await hub.ask(STATUS)
    await hub.ask(STATUS)
    await hub.ask("/api/v1/realtime/nodes/w9?cluster=west")
    body = (await hub.ask("/metrics")).body.decode()
    counted = {
        (sample.labels["peer"], sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
        if sample.name == "lens_peer_requests_total"
    }
    assert counted == {("west", "answered"): 1, ("west", "refused"): 1}


async def test_many_who_want_to_know_the_same_are_one_to_the_other_cluster(hub: Api, west: Api) -> None:
    answers = await asyncio.gather(*(hub.ask(STATUS, Cache_Control="no-cache") for _ in range(20)))
    assert len({answer.body for answer in answers}) == 1
    body = (await west.ask("/metrics")).body.decode()
    (asked,) = (
        sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
        if sample.name == "lens_http_requests_total" and sample.labels["route"].endswith("/status")
    )
    assert asked < 20
