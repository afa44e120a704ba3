"""``/api/v1/realtime/stream``: a picture, then what changes, for as long as the caller listens and may."""

import asyncio
import gc
import itertools
import time
import weakref
from typing import cast

import pytest

from lens.api.stream.initial_snapshots import InitialSnapshot
from lens.metrics import Metrics
from lens.model.alerts.alert import Alert
from lens.model.cluster_state import AlertsAndEvents
from lens.model.events.transitions import Event
from lens.model.gpu.node_report import Health
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from lens.model.k8s import timestamps
from tests.contract.conftest import NOW, TOKEN, Api, Clock, Serve
from tests.contract.kubernetes import Cluster, node, pod
from tests.contract.listening import HEAD, PATH, listen


async def test_a_stream_begins_with_all_that_there_is(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1"), pod("a", "n1", gpus=3))
    cluster.publish(NOW)
    async with listen(api) as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["Cache-Control"] == "no-store"
        assert "Content-Encoding" not in stream.response.headers
        first = await stream.next()
    assert first.name == "snapshot"
    assert first.data["status"]["current_gpu_usage"]["allocated_gpus"] == 3
    assert [row["node_name"] for row in first.data["nodes"]] == ["n1"]
    assert [row["pod_name"] for row in first.data["tasks"]] == ["a"]


async def test_a_change_is_sent_within_a_quarter_of_a_second(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1"), node("n2"), pod("a", "n1"))
    cluster.publish(NOW)
    async with listen(api) as stream:
        await stream.next()
        late = []
        for number in range(5):
            cluster.add(pod(f"more-{number}", "n2"))
            cluster.publish(NOW)
            published = time.monotonic()
            change = await stream.next()
            late.append(time.monotonic() - published)
            assert change.name == "change"
            assert change.data["status"]["current_gpu_usage"]["allocated_gpus"] == number + 2
            assert [row["node_name"] for row in change.data["nodes"]["changed"]] == ["n2"]
            assert [row["pod_name"] for row in change.data["tasks"]["changed"]] == [f"more-{number}"]
        # On a busy machine others come later.
        assert min(late) < 0.25


async def test_what_is_gone_is_named(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1"), pod("a", "n1"))
    cluster.publish(NOW)
    async with listen(api) as stream:
        await stream.next()
        cluster.remove_pod("ml-team", "a")
        cluster.publish(NOW)
        change = await stream.next()
        assert change.data["tasks"] == {
            "changed": [],
            "gone": [{"namespace": "ml-team", "pod_name": "a", "pod_uid": "uid-ml-team-a"}],
        }
        cluster.remove_node("n1")
        cluster.publish(NOW)
        assert (await stream.next()).data["nodes"] == {"changed": [], "gone": ["n1"]}


async def test_a_snapshot_that_streams_share_has_the_age_of_the_present(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    cluster.add(node("n1"), pod("a", "n1"))
    cluster.publish(NOW)

    async def told() -> tuple[str, float]:
        async with listen(api) as stream:
            first = await stream.next()
        assert first.name == "snapshot"
        return first.data["timestamp"], first.data["age_seconds"]

    async with listen(api) as keeper:
        begun = (await keeper.next()).data
        assert await told() == (begun["timestamp"], 0.0)
        clock.now = NOW + 60
        assert await told() == (begun["timestamp"], 60.0), "the apiserver is gone"
        cluster.publish(NOW + 50)
        deadline = time.monotonic() + 30
        while (latest := await told())[1] != 10.0:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert latest[0] == timestamps.render(NOW + 50), "nothing has happened, and the apiserver said so"


async def test_a_snapshot_that_no_stream_may_begin_with_any_more_takes_no_memory(
    api: Api, cluster: Cluster
) -> None:
    def known() -> set[int]:
        return {id(each) for each in gc.get_objects() if isinstance(each, InitialSnapshot)}

    cluster.add(node("n1"), pod("a", "n1"))
    cluster.publish(NOW)
    before = known()
    async with listen(api) as stream:
        await stream.next()
        made = [
            weakref.ref(each)
            for each in gc.get_objects()
            if isinstance(each, InitialSnapshot) and id(each) not in before
        ]
        assert len(made) == 1
        cluster.add(pod("b", "n1"))
        cluster.publish(NOW)
        await stream.next()
        async with asyncio.timeout(30):
            while made[0]() is not None:  # noqa: ASYNC110 - nothing tells when it is freed
                await asyncio.sleep(0.05)


async def test_a_client_that_comes_back_gets_what_it_missed_and_nothing_else(
    api: Api, cluster: Cluster
) -> None:
    cluster.add(node("n1"), pod("a", "n1"))
    cluster.publish(NOW)
    async with listen(api) as stream:
        first = await stream.next()
    assert first.id is not None
    async with listen(api) as other:
        await other.next()
        cluster.add(pod("b", "n1"))
        cluster.publish(NOW)
        await other.next()
        async with listen(api, Last_Event_ID=first.id) as again:
            missed = await again.next()
    assert missed.name == "change"
    assert [row["pod_name"] for row in missed.data["tasks"]["changed"]] == ["b"]


@pytest.mark.parametrize("unknown", ["0badcafe-3", "nonsense", "-1", "x" * 2000])
async def test_an_event_of_another_replica_starts_over(api: Api, cluster: Cluster, unknown: str) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    async with listen(api, Last_Event_ID=unknown) as stream:
        assert (await stream.next()).name == "snapshot"


async def test_a_client_that_was_away_for_too_long_starts_over(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    async with listen(api) as keeper:
        first = await keeper.next()
        assert first.id is not None
        epoch, _, number = first.id.rpartition("-")
        async with listen(api, Last_Event_ID=f"{epoch}-{int(number) + 7}") as stream:
            assert (await stream.next()).name == "snapshot"


async def test_a_namespaces_stream_has_only_its_own_tasks(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1"), pod("mine", "n1"), pod("theirs", "n1", namespace="other"))
    cluster.publish(NOW)
    async with listen(api, "&namespace=ml-team") as stream:
        first = await stream.next()
        assert first.data.keys() == {*HEAD, "tasks"}
        assert [row["pod_name"] for row in first.data["tasks"]] == ["mine"]
        cluster.add(pod("theirs-too", "n1", namespace="other"))
        cluster.publish(NOW)
        await asyncio.sleep(0.3)  # so that the two are two changes: that of the others is not to come
        cluster.add(pod("mine-too", "n1"))
        cluster.publish(NOW)
        change = await stream.next()
        assert change.data.keys() == {"timestamp", "age_seconds", "tasks"}
        assert [row["pod_name"] for row in change.data["tasks"]["changed"]] == ["mine-too"]


async def test_a_namespace_in_which_nothing_happens_has_heartbeats_however_much_happens_elsewhere(
    serve: Serve, cluster: Cluster
) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    api = await serve(heartbeat_seconds=1.0)

    async def happen_elsewhere() -> None:
        for number in itertools.count():
            cluster.add(pod(f"theirs-{number}", "n1", namespace="other"))
            cluster.publish(NOW)
            await asyncio.sleep(0.05)

    async with listen(api, "&namespace=ml-team") as stream:
        await stream.next()
        elsewhere = asyncio.create_task(happen_elsewhere())
        assert (await stream.next()).name == "heartbeat"
        elsewhere.cancel()


async def test_sections_can_be_chosen(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1"), pod("a", "n1"))
    cluster.publish(NOW)
    for include in ("nodes", "alerts", "status", "status,alerts"):
        async with listen(api, f"&include={include}") as stream:
            assert (await stream.next()).data.keys() == {*HEAD, *include.split(",")}


async def test_who_listens_to_alerts_alone_hears_of_nothing_else(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    async with listen(api, "&include=alerts") as stream:
        assert (await stream.next()).data["alerts"] == []
        cluster.add(pod("a", "n1"))
        cluster.publish(NOW)
        alert = Alert("1", "GpuLost", "critical", "is lost", "Drain it.", NOW, "GPU/n1/0")
        cluster.state.alerts_and_events = AlertsAndEvents(NOW, (alert,))
        change = await stream.next()
        assert change.data.keys() == {"timestamp", "age_seconds", "alerts"}
        assert [row["id"] for row in change.data["alerts"]["changed"]] == ["1"]


async def test_utilization_that_hardly_changes_is_told_with_the_next_change(
    api: Api, cluster: Cluster
) -> None:
    def measure(utilization: float) -> None:
        gpu = GpuTelemetry(0, "GPU-0", NOW, Health("ok"), utilization_percent=utilization)
        cache.put("n1", NodeTelemetry("n1", "agent", NOW, (gpu,)), NOW)
        cluster.state.telemetry = cache.snapshot()

    cache = TelemetryCache(stale_after=30, unknown_after=60)
    cluster.add(node("n1"))
    cluster.publish(NOW)
    measure(60.0)
    async with listen(api) as stream:
        assert (await stream.next()).data["nodes"][0]["utilization"] == 60.0
        measure(60.9)
        await asyncio.sleep(0.3)  # so that it would be a change of its own
        cluster.add(pod("a", "n1"))
        cluster.publish(NOW)
        change = (await stream.next()).data
        assert change["nodes"]["changed"][0]["utilization"] == 60.9
        assert change["status"]["current_gpu_usage"]["utilization_rate"] == 60.9
        assert [row["pod_name"] for row in change["tasks"]["changed"]] == ["a"]


async def test_a_caller_has_only_so_many_streams(serve: Serve, cluster: Cluster) -> None:
    cluster.publish(NOW)
    api = await serve(streams_per_caller=2)
    async with listen(api), listen(api):
        assert (await api.ask(PATH)).error == (429, 4029, "Too many streams: a caller may have 2")
    # Nothing changes: that a client has gone is known without having anything to tell it.
    async with asyncio.timeout(30):
        while (await api.ask(PATH, method="HEAD")).status != 200:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


async def test_too_many_opened_streams_are_429_with_retry_after(serve: Serve, cluster: Cluster) -> None:
    cluster.publish(NOW)
    api = await serve(streams_per_caller=2)
    answers = [await api.ask(PATH, method="HEAD") for _ in range(13)]
    assert [answer.status for answer in answers] == [200] * 12 + [429]
    assert answers[-1].headers["RateLimit"] == '"stream";r=0;t=5'
    assert (await api.status()).status == 200


async def test_who_opens_and_closes_streams_of_one_namespace_holds_up_nobody(
    serve: Serve, cluster: Cluster
) -> None:
    for number in range(1500):
        name = f"n{number}"
        cluster.add(node(name), *(pod(f"{name}-{each}", name, namespace="other") for each in range(4)))
    cluster.add(pod("mine", "n0"))
    cluster.publish(NOW)
    api = await serve(streams_per_caller=100_000, requests_burst=100_000)
    over = asyncio.Event()

    async def change() -> None:
        for number in itertools.count():
            cluster.add(pod(f"more-{number}", "n1", namespace="other"))
            cluster.publish(NOW)
            await asyncio.sleep(0.1)

    async def open_and_close() -> None:
        while not over.is_set():
            async with listen(api, "&namespace=ml-team") as stream:
                first = await stream.next()
                assert [row["pod_name"] for row in first.data["tasks"]] == ["mine"]

    changing, opening = asyncio.create_task(change()), asyncio.create_task(open_and_close())
    took: list[float] = []
    for _ in range(60):
        # What the loop does meanwhile, whoever else has the processor.
        began = time.thread_time()
        assert (await api.status()).status == 200
        took.append(time.thread_time() - began)
        await asyncio.sleep(0.02)
    over.set()
    await opening
    changing.cancel()
    assert sorted(took)[53] < 0.03


async def test_a_stream_is_not_for_strangers(api: Api, cluster: Cluster) -> None:
    cluster.publish(NOW)
    assert (await api.ask(PATH, token="wrong")).error[:2] == (401, 4001)
    unknown = await api.ask("/api/v1/realtime/stream?cluster=other")
    assert unknown.error == (404, 4004, "Cluster not found")
    assert (await api.ask(PATH + "&include=nonsense")).error[:2] == (400, 4000)


async def test_streams_end_cleanly_when_lens_is_stopped(serve: Serve, cluster: Cluster) -> None:
    cluster.publish(NOW)
    api = await serve(grace_seconds=120)
    async with listen(api) as stream:
        await stream.next()
        stopping = asyncio.create_task(api.server.stop())
        with pytest.raises(EOFError):
            await stream.next()
        async with asyncio.timeout(30):
            await stopping


async def test_a_reader_that_stops_reading_holds_up_nobody(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1"), *(pod(f"p{number:04}", "n1") for number in range(3000)))
    cluster.publish(NOW)
    reader, writer = await asyncio.open_connection("127.0.0.1", api.server.port, limit=1024)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: lens\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
    assert b"200" in await reader.readline()  # and reads no more
    async with listen(api) as stream:
        await stream.next()
        for number in range(5):
            cluster.add(pod(f"new-{number}", "n1"))
            cluster.publish(NOW)
            change = await stream.next()
            assert [row["pod_name"] for row in change.data["tasks"]["changed"]] == [f"new-{number}"]
    writer.close()


async def test_a_late_event_is_sent_once_known(api: Api, cluster: Cluster) -> None:
    newest = Event(NOW - 1, "GpuLost", "GPU/n1/GPU-1", "GPU 1 of n1 is lost")
    oldest = Event(NOW - 9, "TaskStarted", "Pod/ml-team/a", "ml-team/a started", "ml-team")
    between = Event(NOW - 5, "NodeReady", "Node/n1", "", source="kubelet", reason="NodeReady")
    cluster.add(node("n1"))
    cluster.state.alerts_and_events = AlertsAndEvents(NOW, (), (newest, oldest))
    cluster.publish(NOW)
    async with listen(api, "&include=events") as stream:
        first = await stream.next()
        assert [row["object"] for row in first.data["recent_events"]] == [newest.object, oldest.object]
        cluster.state.alerts_and_events = AlertsAndEvents(NOW, (), (newest, between, oldest))
        cluster.publish(NOW)
        change = await stream.next()
    assert [row["object"] for row in change.data["recent_events"]] == ["Node/n1"]


async def test_who_comes_back_for_more_than_is_kept_starts_over(
    api: Api, cluster: Cluster, metrics: Metrics
) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    texts = [[f"{number}-{each}-{'x' * 500}" for each in range(4000)] for number in range(6)]
    async with listen(api, "&include=events") as keeper:
        first = await keeper.next()
        assert first.id is not None
        for number, some in enumerate(texts):
            happened = tuple(Event(NOW, "TaskStarted", f"Pod/ml-team/{number}", text) for text in some)
            cluster.state.alerts_and_events = AlertsAndEvents(NOW, (), happened)
            cluster.publish(NOW)
            assert (await keeper.next()).name == "change"
    async with listen(api, "&include=events", Last_Event_ID=first.id) as again:
        assert (await again.next()).name == "snapshot"
    assert metrics.registry.get_sample_value("lens_over_bound_total", {"what": "differences"})


async def test_a_change_that_cannot_be_sent_is_followed_by_a_snapshot(
    api: Api, cluster: Cluster, metrics: Metrics
) -> None:
    cluster.add(node("n1"), pod("a", "n1"))
    cluster.publish(NOW)
    async with listen(api, "&include=status,nodes") as stream:
        assert (await stream.next()).name == "snapshot"
        # What Lens itself should never make, and what the difference of two events' lists fails by.
        cluster.state.alerts_and_events = AlertsAndEvents(events=(cast(Event, object()),))
        cluster.add(pod("b", "n1"))
        cluster.publish(NOW)
        usage = {}
        for _ in range(3):
            event = await stream.next()
            usage[event.name] = event.data["status"]["current_gpu_usage"]["allocated_gpus"]
            if event.name == "snapshot":
                break
        assert usage["snapshot"] == 2
        assert metrics.registry.get_sample_value("lens_job_failures_total", {"job": "streams"}) == 1
        cluster.state.alerts_and_events = AlertsAndEvents()
        cluster.add(pod("c", "n1"))
        cluster.publish(NOW)
        change = await stream.next()
        assert change.name == "change"
        assert change.data["status"]["current_gpu_usage"]["allocated_gpus"] == 3
