"""How finished pods ended is asked of the apiserver, and whatever that answers holds up nothing for long."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from lens.kube.client.kubeconfig import Connection
from lens.kube.client.object_reader import ObjectReader
from lens.kube.readers.finished_pods import MAX_CONCURRENT, MAX_READS, FinishedPods
from lens.metrics import Metrics
from lens.model.events.terminations import Outcome, Termination
from tests.kubeconfig import write_kubeconfig

OPEN: tuple[Outcome, ...] = ("TaskEnded",)


class Apiserver:
    """One that is asked for pods: all have failed, and have the uid that is set."""

    def __init__(self) -> None:
        self.asked = 0
        self.uid = "uid"
        self.hangs = False
        self.over = asyncio.Event()
        self.body: bytes | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        if self.hangs:
            await self.over.wait()
        pod = {"metadata": {"name": "a", "namespace": "team", "uid": self.uid}, "status": {"phase": "Failed"}}
        return web.Response(body=json.dumps(pod).encode() if self.body is None else self.body)


@pytest.fixture
async def apiserver() -> AsyncIterator[tuple[Apiserver, str]]:
    """Return one, and its URL."""
    server = Apiserver()
    runner = web.ServerRunner(web.Server(server))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield server, f"http://127.0.0.1:{runner.addresses[0][1]}"
    server.over.set()
    await runner.cleanup()


async def settled(url: str, folder: Path, *outcomes: Outcome, seconds: float = 60) -> list[Outcome]:
    """Return how pods ended, once that was asked for."""
    kubeconfig = folder / "kubeconfig"
    write_kubeconfig(kubeconfig, url, {"token": "a-token"})
    objects = ObjectReader(lambda: Connection(kubeconfig), Metrics(), timeout=seconds)
    async with FinishedPods(objects) as finished_pods:
        return [
            termination.outcome
            for termination in await finished_pods.resolve(
                Termination("team", "a", "uid", h, None) for h in outcomes
            )
        ]


async def test_only_pods_with_an_unknown_outcome_are_read(
    apiserver: tuple[Apiserver, str], tmp_path: Path
) -> None:
    server, url = apiserver
    assert await settled(url, tmp_path, "TaskDeleted", "TaskEnded", "TaskEvicted") == [
        "TaskDeleted",
        "TaskEvicted",
        "TaskFailed",
    ]
    assert server.asked == 1


async def test_a_new_pod_of_the_same_name_is_not_the_finished_one(
    apiserver: tuple[Apiserver, str], tmp_path: Path
) -> None:
    server, url = apiserver
    server.uid = "another"
    assert await settled(url, tmp_path, "TaskEnded") == ["TaskEnded"]


async def test_an_invalid_response_leaves_the_outcome_unknown(
    apiserver: tuple[Apiserver, str], tmp_path: Path
) -> None:
    server, url = apiserver
    for server.body in (b"", b"<html>", b"[]", b'{"metadata": {}}'):
        assert await settled(url, tmp_path, "TaskEnded") == ["TaskEnded"]


async def test_many_finished_pods_cause_a_bounded_number_of_reads(
    apiserver: tuple[Apiserver, str], tmp_path: Path
) -> None:
    server, url = apiserver
    outcomes = await settled(url, tmp_path, *OPEN * (2 * MAX_READS))
    assert (outcomes.count("TaskFailed"), outcomes.count("TaskEnded")) == (MAX_READS, MAX_READS)
    assert server.asked == MAX_READS


async def test_reads_stop_after_the_first_that_a_hanging_apiserver_does_not_answer(
    apiserver: tuple[Apiserver, str], tmp_path: Path
) -> None:
    server, url = apiserver
    server.hangs = True
    async with asyncio.timeout(10):
        assert set(await settled(url, tmp_path, *OPEN * MAX_READS, seconds=0.5)) == {"TaskEnded"}
    assert server.asked <= MAX_CONCURRENT
