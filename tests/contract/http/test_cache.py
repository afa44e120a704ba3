"""Answers that are kept while nothing changes, agree with each other, and are fresh for who wants them."""

import asyncio
import gc
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lens.model.alerts.alert import Alert
from lens.model.cluster_state import AlertsAndEvents, StateView
from lens.model.gpu.telemetry import NO_TELEMETRY
from lens.model.inventory.owner_chains import NO_OWNER_CHAINS
from tests.contract.conftest import NOW, Answer, Api, Clock, Serve, write_tokens
from tests.contract.kubernetes import Cluster, node, pod


def without_ages(answer: Answer) -> dict[str, Any]:
    """Return a status without its timestamp and ages."""
    return {name: value for name, value in answer.data.items() if name not in ("timestamp", "freshness")}


async def cached_bytes(api: Api) -> float:
    """Return how much is cached of this cluster's answers, as the metrics say."""
    metrics = (await api.ask("/metrics")).body
    (counted,) = re.findall(rb'lens_cache_bytes\{cache="own"\} (\S+)', metrics)
    return float(counted)


async def test_an_answer_is_kept_for_thirty_seconds_at_most_and_says_its_age(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    first = await api.status()
    assert first.headers["Age"] == "0"
    clock.now = NOW + 29.9
    second = await api.status()
    assert without_ages(second) == without_ages(first)
    assert second.headers["Age"] == "29"
    for answer in (first, second):
        assert answer.headers["Cache-Control"] == "private, max-age=30"
        assert answer.headers["Vary"] == "Authorization, Lens-Authorization, Accept, Accept-Encoding"
        assert answer.headers["ETag"] == first.headers["ETag"]
    clock.now = NOW + 30
    third = await api.status()
    assert third.headers["Age"] == "0"
    assert third.headers["ETag"] != first.headers["ETag"]


async def test_an_expired_answer_takes_no_memory_even_if_nobody_asks_any_more(api: Api, clock: Clock) -> None:
    await api.status()
    assert await cached_bytes(api) > 0
    clock.now = NOW + 30
    async with asyncio.timeout(30):
        while await cached_bytes(api):  # noqa: ASYNC110 - nothing tells when it is dropped
            await asyncio.sleep(0.05)


async def test_a_cached_response_has_ages_at_the_time_of_the_response(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    cluster.add(node("gpu-0"), pod("a", "gpu-0"))
    cluster.publish(NOW)
    for query in ("", "&include=nodes"):
        for seconds in (0.5, 12.0, 12.2):
            clock.now = NOW + seconds
            data = (await api.status(query)).data
            assert data["freshness"]["age_seconds"] == seconds
            assert data["freshness"]["watch_age_seconds"] == {"nodes": seconds, "pods": seconds}
            (task,) = (await api.tasks()).data["tasks"]
            assert task["running_time_seconds"] == 3600 + int(seconds)
        clock.now = NOW


async def test_a_kept_answers_timestamp_moves_on_while_nothing_changes(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    cluster.add(node("gpu-0"))
    cluster.publish(NOW)
    paths = (
        "status?cluster=prod-cluster",
        "running-tasks?cluster=prod-cluster",
        "nodes/gpu-0?cluster=prod-cluster",
    )
    tags = [(await api.ask(f"/api/v1/realtime/{path}")).headers["ETag"] for path in paths]
    cluster.publish(NOW + 20)
    clock.now = NOW + 20
    for path, tag in zip(paths, tags, strict=True):
        answer = await api.ask(f"/api/v1/realtime/{path}")
        assert answer.data["timestamp"] == "2025-12-19T15:30:20Z"
        assert answer.headers["ETag"] == tag


async def test_figures_from_before_a_change_are_not_dated_as_current(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    await api.status()
    cluster.add(node("gpu-0"))
    cluster.publish(NOW + 0.9)
    clock.now = NOW + 0.9
    data = (await api.status()).data
    assert data["current_gpu_usage"]["total_gpus"] == 0
    assert data["freshness"]["age_seconds"] == 0.9


async def test_a_change_ends_a_kept_answer_within_a_second(api: Api, cluster: Cluster, clock: Clock) -> None:
    first = await api.status()
    seen = []
    for number in range(40):
        cluster.add(node(f"gpu-{number}"))
        clock.now = NOW + (number + 1) / 8
        cluster.publish(clock.now)
        answer = await api.status()
        seen.append(answer.data["current_gpu_usage"]["total_gpus"] // 8)
        assert (answer.headers["ETag"] == first.headers["ETag"]) == (number < 7)
    assert seen == [number + 1 - (number + 1) % 8 for number in range(40)], "one rebuild a second"


@pytest.mark.parametrize("what", ["telemetry", "alerts", "owners"])
async def test_whatever_changes_in_an_answer_ends_it(
    api: Api, cluster: Cluster, clock: Clock, what: str
) -> None:
    first = await api.status("&include=alerts")
    if what == "telemetry":
        cluster.state.telemetry = replace(NO_TELEMETRY, sequence=1)
    elif what == "alerts":
        alert = Alert(
            id="1",
            severity="critical",
            type="GpuLost",
            message="is lost",
            since=NOW,
            source="GPU/n/0",
            action="Drain it.",
        )
        cluster.state.alerts_and_events = AlertsAndEvents(NOW, (alert,))
    else:
        cluster.state.owner_chains = NO_OWNER_CHAINS.updated({})
    clock.now = NOW + 1
    assert (await api.status("&include=alerts")).headers["ETag"] != first.headers["ETag"]


async def test_a_check_without_changes_expires_no_response(api: Api, cluster: Cluster, clock: Clock) -> None:
    first = await api.status()
    for second in (5, 10, 15):
        cluster.state.alerts_and_events = AlertsAndEvents(NOW + second)
        clock.now = NOW + second
        assert (await api.status()).headers["ETag"] == first.headers["ETag"]


async def test_answers_to_what_is_asked_together_agree_whenever_that_is(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    """Of two questions one may come before an answer's end and the other after it."""
    cluster.add(node("gpu-0", gpus=1000))

    def another(name: str, seconds: float) -> None:
        cluster.add(pod(name, "gpu-0"))
        clock.now += seconds
        cluster.publish(clock.now)

    for number in range(200):
        another(f"task-{number:03}-0", 0.097)
        one, other = (api.status, api.tasks) if number % 3 else (api.tasks, api.status)
        first = await one()
        another(f"task-{number:03}-1", 0.002)
        second = await other()
        told = [
            answer.data.get("running_tasks", answer.data.get("total_tasks")) for answer in (first, second)
        ]
        another(f"task-{number:03}-2", 0.002)
        entry = (await api.ask("/api/v1/clusters")).data["clusters"][0]
        assert told == [entry["totals"]["running_tasks"]] * 2
        assert told[0] >= 3 * (number - 10), "and are those of less than a second ago"


async def test_what_is_asked_again_is_no_part_of_what_was_asked_before(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    await api.status()
    clock.now = NOW + 0.95
    await api.status()
    await api.tasks()
    cluster.add(node("gpu-0"), pod("a", "gpu-0"))
    cluster.publish(NOW + 0.96)
    clock.now = NOW + 1.0
    assert (await api.status()).data["running_tasks"] == 1
    assert (await api.tasks()).data["total_tasks"] == 1


async def test_a_question_after_a_pause_is_answered_from_the_present(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    await api.status()
    cluster.add(node("gpu-0"), pod("a", "gpu-0"))
    cluster.publish(NOW + 1)
    clock.now = NOW + 1.1
    assert (await api.tasks()).data["total_tasks"] == 1


@pytest.mark.parametrize("asked", ["no-cache", "max-age=0", "No-Cache", "max-age=60, no-cache"])
async def test_who_wants_no_cache_gets_the_present_and_everybody_after_too(
    api: Api, cluster: Cluster, clock: Clock, asked: str
) -> None:
    await api.status()
    cluster.add(node("gpu-0"))
    cluster.publish(NOW + 0.5)
    clock.now = NOW + 0.5
    fresh = await api.status(Cache_Control=asked)
    assert fresh.data["current_gpu_usage"]["total_gpus"] == 8
    clock.now = NOW + 2.5
    after = await api.status()
    assert without_ages(after) == without_ages(fresh)
    assert (after.headers["Age"], after.headers["ETag"]) == ("2", fresh.headers["ETag"])


async def test_an_answer_that_was_compared_with_the_present_is_young_again(api: Api, clock: Clock) -> None:
    first = await api.status()
    clock.now = NOW + 11
    assert (await api.status()).headers["Age"] == "11"
    compared = await api.status(Cache_Control="max-age=10")
    assert (compared.headers["Age"], compared.headers["ETag"]) == ("0", first.headers["ETag"])
    clock.now = NOW + 20
    assert (await api.status(Cache_Control="max-age=10")).headers["Age"] == "9"


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
    assert tag.startswith('W/"')
    clock.now = NOW + 12
    for asked in (tag, tag[2:], f'"other", {tag}', f'W/"other",{tag} , "more"', "*"):
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
    for asked in ('"other"', tag[2:].strip('"'), f'"{tag}"', "W/", '"'):
        assert (await api.status(If_None_Match=asked)).status == 200
    cluster.add(node("gpu-0"))
    cluster.publish(NOW + 2)
    clock.now = NOW + 2
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


async def test_a_head_request_has_the_headers_of_a_get(api: Api) -> None:
    got = await api.status()
    head = await api.ask("/api/v1/realtime/status?cluster=prod-cluster", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control", "Vary"):
        assert head.headers[name] == got.headers[name]


async def test_cached_responses_keep_nothing_of_the_cluster_as_it_was(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    before = {id(each) for each in gc.get_objects() if isinstance(each, StateView)}
    for number in range(20):
        cluster.add(node(f"gpu-{number}"))
        cluster.publish(clock.now)
        for query in ("", "&include=nodes", "&include=namespaces", "&include=alerts,events"):
            await api.status(query + f"&node=gpu-{number}" if "events" in query else query)
        await api.ask(f"/api/v1/realtime/nodes/gpu-{number}?cluster=prod-cluster")
        await api.tasks(f"&node=gpu-{number}")
        clock.now += 2
    gc.collect()
    kept = [each for each in gc.get_objects() if isinstance(each, StateView) and id(each) not in before]
    assert len(kept) <= 5
