"""Steady answers for thirty seconds, fresh ones for who wants them."""

from pathlib import Path

import pytest

from tests.contract.conftest import NOW, Api, Clock, Serve, write_tokens
from tests.contract.kubernetes import Cluster, node, pod


async def test_an_answer_stays_the_same_for_thirty_seconds_and_says_its_age(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    first = await api.status()
    assert first.headers["Age"] == "0"
    cluster.add(node("gpu-0"))
    cluster.publish(NOW + 29)
    clock.now = NOW + 29.9
    second = await api.status()
    assert second.body == first.body
    assert second.headers["Age"] == "29"
    for answer in (first, second):
        assert answer.headers["Cache-Control"] == "private, max-age=30"
        assert answer.headers["Vary"] == "Authorization, Accept, Accept-Encoding"
        assert answer.headers["ETag"] == first.headers["ETag"]
    clock.now = NOW + 30
    third = await api.status()
    assert third.headers["Age"] == "0"
    assert third.data["current_gpu_usage"]["total_gpus"] == 8
    assert third.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize("asked", ["no-cache", "max-age=0", "No-Cache", "max-age=60, no-cache"])
async def test_who_wants_no_cache_gets_the_present_and_everybody_after_too(
    api: Api, cluster: Cluster, clock: Clock, asked: str
) -> None:
    await api.status()
    cluster.add(node("gpu-0"))
    cluster.publish(NOW + 5)
    clock.now = NOW + 5
    fresh = await api.status(Cache_Control=asked)
    assert fresh.data["current_gpu_usage"]["total_gpus"] == 8
    clock.now = NOW + 7
    after = await api.status()
    assert after.body == fresh.body
    assert after.headers["Age"] == "2"


async def test_who_takes_answers_of_ten_seconds_gets_none_older(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    first = await api.status()
    cluster.publish(NOW + 9)
    clock.now = NOW + 9
    assert (await api.status(Cache_Control="max-age=10")).body == first.body
    cluster.publish(NOW + 11)
    clock.now = NOW + 11
    assert (await api.status(Cache_Control="max-age=10")).data["timestamp"] == "2025-12-19T15:30:11Z"


@pytest.mark.parametrize(
    "asked", ["", "max-age=", "max-age=-1", "max-age=" + "9" * 5000, "no-transform", "=,;"]
)
async def test_an_odd_cache_control_does_no_harm(api: Api, asked: str) -> None:
    assert (await api.status(Cache_Control=asked)).status == 200


async def test_a_fresh_answer_of_a_quiet_cluster_still_moves_on(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    first = (await api.status()).data
    cluster.publish(NOW + 3)
    clock.now = NOW + 4
    second = (await api.status(Cache_Control="no-cache")).data
    assert second["freshness"]["sequence"] == first["freshness"]["sequence"]
    assert second["timestamp"] == "2025-12-19T15:30:03Z"
    assert second["freshness"]["age_seconds"] == 1


async def test_a_client_that_has_the_answer_is_sent_none(api: Api, clock: Clock) -> None:
    first = await api.status()
    tag = first.headers["ETag"]
    clock.now = NOW + 12
    for asked in (tag, f"W/{tag}", f'"other", {tag}', f'W/"other",W/{tag} , "more"', "*"):
        answer = await api.status(If_None_Match=asked)
        assert (answer.status, answer.body) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert answer.headers["Cache-Control"] == "private, max-age=30"
        assert answer.headers["Vary"] == first.headers["Vary"]
        assert answer.headers["Age"] == "12"
        assert answer.headers["X-Request-Id"]
        assert "Content-Type" not in answer.headers


async def test_a_client_that_has_another_answer_is_sent_this_one(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    tag = (await api.status()).headers["ETag"]
    for asked in ('"other"', tag.strip('"'), f'"{tag}"', "W/", '"'):
        assert (await api.status(If_None_Match=asked)).status == 200
    cluster.publish(NOW + 40)
    clock.now = NOW + 40
    assert (await api.status(If_None_Match=tag)).status == 200


async def test_replicas_do_not_take_each_others_tags_for_their_own(serve: Serve, cluster: Cluster) -> None:
    cluster.publish(NOW)
    one, other = await serve(), await serve()
    first, second = await one.status(), await other.status()
    assert first.body == second.body
    assert first.headers["ETag"] != second.headers["ETag"]


async def test_each_question_has_its_own_answer(api: Api, cluster: Cluster) -> None:
    cluster.add(node("gpu-0"), pod("a", "gpu-0"), pod("b", "gpu-0", namespace="other"))
    cluster.publish(NOW)
    for _ in range(2):
        assert "nodes" not in (await api.status()).data
        assert "nodes" in (await api.status("&include=nodes")).data
        assert (await api.tasks()).data["total_tasks"] == 2
        assert (await api.tasks("&namespace=other")).data["total_tasks"] == 1
        assert (await api.tasks("&namespace=third")).data["total_tasks"] == 0


async def test_a_question_asked_in_other_words_is_the_same_question(api: Api, clock: Clock) -> None:
    first = await api.ask("/api/v1/realtime/status?cluster=prod-cluster&include=nodes")
    clock.now = NOW + 5
    second = await api.ask("/api/v1/realtime/status?include=nodes%2Cnodes&cluster=prod%2Dcluster")
    assert second.headers["ETag"] == first.headers["ETag"]


async def test_an_error_is_not_kept(api: Api, cluster: Cluster) -> None:
    cluster.publish(NOW, synced=False)
    assert (await api.status()).error[0] == 503
    cluster.publish(NOW)
    assert (await api.status()).status == 200


async def test_a_kept_answer_is_for_those_with_a_token_only(api: Api) -> None:
    tag = (await api.status()).headers["ETag"]
    answer = await api.ask("/api/v1/realtime/status?cluster=prod-cluster", token="wrong", If_None_Match=tag)
    assert answer.error[0] == 401


async def test_a_token_that_was_taken_away_gets_no_kept_answer(
    api: Api, tokens_file: Path, clock: Clock
) -> None:
    await api.status()
    write_tokens(tokens_file, grafana="another")
    clock.now += 2
    assert (await api.status()).error[0] == 401


async def test_caching_can_be_turned_off(serve: Serve, cluster: Cluster, clock: Clock) -> None:
    cluster.publish(NOW)
    api = await serve(cache_seconds=0)
    first = await api.status()
    assert first.headers["Cache-Control"] == "no-store"
    cluster.publish(NOW + 1)
    assert (await api.status()).data["timestamp"] == "2025-12-19T15:30:01Z"


async def test_a_clock_set_back_does_not_freeze_answers(api: Api, cluster: Cluster, clock: Clock) -> None:
    await api.status()
    cluster.add(node("gpu-0"))
    cluster.publish(NOW - 3600)
    clock.now = NOW - 3600
    answer = await api.status()
    assert answer.data["current_gpu_usage"]["total_gpus"] == 8
    assert answer.headers["Age"] == "0"


async def test_a_head_request_tells_what_a_get_would(api: Api) -> None:
    got = await api.status()
    head = await api.ask("/api/v1/realtime/status?cluster=prod-cluster", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control", "Vary"):
        assert head.headers[name] == got.headers[name]
