"""The page below a path: behind a proxy that takes its prefix off, and doesn't pass ``Authorization`` on.

So does the apiserver's proxy to Services (``…/services/lens-api:80/proxy/``).
"""

import json
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import aiohttp
import pytest
from aiohttp import web

from tests.contract.conftest import NOW, TOKEN, Api
from tests.contract.kubernetes import Cluster, node
from tests.contract.page.test_serving import Addresses

PREFIX = "/api/v1/namespaces/lens/services/lens-api:80/proxy/"
_OWN = {"transfer-encoding", "content-length", "content-encoding", "connection"}


@pytest.fixture
async def proxied(api: Api, cluster: Cluster) -> AsyncIterator[str]:
    """Return the page's address at a proxy that passes everything on but ``Authorization``."""
    cluster.add(node("n1"))
    cluster.publish(NOW)

    async with aiohttp.ClientSession() as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            target = api.server.url + "/" + request.raw_path.removeprefix(PREFIX)
            headers = {
                name: value
                for name, value in request.headers.items()
                if name.lower() not in ("authorization", "host", "accept-encoding")
            }
            async with session.request(request.method, target, headers=headers) as answer:
                kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OWN]
                response = web.StreamResponse(status=answer.status, headers=kept)
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response

        app = web.Application()
        app.router.add_route("*", PREFIX + "{rest:.*}", pass_on)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}{PREFIX}"
        await runner.cleanup()


async def test_everything_that_the_page_loads_is_found_below_the_path(proxied: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(proxied) as response:
            addresses = Addresses(await response.text())
        assert addresses.files
        for address in addresses.files:
            async with session.get(urljoin(proxied, address)) as response:
                assert response.status == 200, address


async def test_the_api_is_asked_below_the_path_with_the_other_header(proxied: str) -> None:
    status = urljoin(proxied, "api/v1/realtime/status?cluster=prod-cluster")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(status, headers=headers) as response:
            assert response.status == 401
        headers["Lens-Authorization"] = headers["Authorization"]
        async with session.get(status, headers=headers) as response:
            assert (await response.json())["data"]["gpu_states"]["available"] == 8


async def test_a_stream_comes_through(proxied: str) -> None:
    stream = urljoin(proxied, "api/v1/realtime/stream?cluster=prod-cluster")
    async with (
        aiohttp.ClientSession() as session,
        session.get(stream, headers={"Lens-Authorization": f"Bearer {TOKEN}"}) as response,
    ):
        assert response.headers["Lens-Page"]
        async for line in response.content:
            if line.startswith(b"data: "):
                assert json.loads(line.removeprefix(b"data: "))["cluster"] == "prod-cluster"
                return
    raise AssertionError("no event came")
