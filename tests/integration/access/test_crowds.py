"""However many callers come back at once, the apiserver gets a few of their reviews at a time."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from lens.api.access.auth import BearerToken
from lens.api.access.kubernetes_tokens import KubernetesAuthenticator
from lens.kube.client.kubeconfig import Connection
from lens.kube.readers.reviews import Reviewer
from lens.metrics import Metrics
from tests.kubeconfig import write_kubeconfig

CALLERS = 60
MAX_AT_ONCE = 16
"""Connections for reviews."""


class Apiserver:
    """Answers each review with a yes, a moment later, and notes how many wait at most."""

    def __init__(self) -> None:
        self.waiting = self.most = self.reviews = 0
        self.url = ""

    async def answer(self, request: web.BaseRequest) -> web.Response:
        review = json.loads(await request.read())
        self.reviews += 1
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await asyncio.sleep(0.02)
        self.waiting -= 1
        is_token = review["kind"] == "TokenReview"
        user = {"username": review["spec"]["token"]} if is_token else None
        status = {"authenticated": True, "user": user} if is_token else {"allowed": True}
        return web.json_response({**review, "status": status}, status=201)


@pytest.fixture
async def apiserver() -> AsyncIterator[Apiserver]:
    running = Apiserver()
    runner = web.ServerRunner(web.Server(running.answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    running.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield running
    await runner.cleanup()


@pytest.mark.parametrize("minutes", [30, 120])
async def test_an_outage_is_followed_by_no_wave_of_reviews(
    apiserver: Apiserver, tmp_path: Path, minutes: int
) -> None:
    """Results are forgotten after an hour, so that nobody is known any more."""
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", apiserver.url, {"token": "own-token"})
    now = 1000.0
    reviewer = Reviewer(lambda: Connection(kubeconfig), (), Metrics())
    authenticator = KubernetesAuthenticator(reviewer, lambda: now, 600.0, Metrics())

    async def ask(number: int) -> None:
        token = f"caller-{number}".encode()
        caller = await authenticator.authenticate(BearerToken(token, token), f"192.0.2.{number}")
        await caller.authorize("/api/v1/clusters", None)

    try:
        await asyncio.gather(*map(ask, range(CALLERS)))
        apiserver.most = apiserver.reviews = 0
        now += minutes * 60
        await asyncio.gather(*map(ask, range(CALLERS)))
    finally:
        await reviewer.close()
    assert apiserver.reviews == 2 * CALLERS
    assert 1 < apiserver.most <= MAX_AT_ONCE
