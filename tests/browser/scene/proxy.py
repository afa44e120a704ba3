"""A reverse proxy: an ingress with a path prefix, or the apiserver's, which drops `Authorization`."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from tests.browser.scene.loop import Loop

SERVICE = "/api/v1/namespaces/lens/services/lens-api:80/proxy"
_OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}


class Proxy:
    """Passes what is below ``prefix`` on to an address, without it; leaving the block ends it."""

    def __init__(
        self, loop: Loop, upstream: str, prefix: str, *, drops_authorization: bool = False, cookie: str = ""
    ) -> None:
        """Take where it passes requests to.

        A ``cookie`` is set with the document, as after a login, and nothing else is passed on without it.
        """
        self.upstream = upstream
        self.prefix = prefix
        self.passed: list[str] = []
        """The paths of the requests that it has passed on."""
        self.headers: dict[str, str] = {}
        """Fields that it sets in every response from now on."""

        self._passing: set[asyncio.Task[object]] = set()
        self._drops = {"authorization"} if drops_authorization else set()
        self._cookie = cookie
        self._loop = loop
        self._runner: web.ServerRunner
        self._session: aiohttp.ClientSession

    def __enter__(self) -> Self:
        self._loop.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run(self._stop())

    def cut(self) -> None:
        """Break off all that is being answered, as a proxy does that is started anew."""

        def cut() -> None:
            for task in self._passing:
                task.cancel()

        self._loop.call(cut)

    @property
    def url(self) -> str:
        """Return the address of what is behind it, without a slash at its end."""
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}{self.prefix}"

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        server = web.Server(self._answer, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        try:
            return await self._pass_on(request)
        finally:
            self._passing.discard(task)

    async def _pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == self.prefix:
            return web.Response(status=301, headers={"Location": f"{self.prefix}/"})
        if not request.raw_path.startswith(f"{self.prefix}/"):
            return web.Response(status=404)
        path = request.raw_path.removeprefix(self.prefix)
        if path != "/" and self._cookie not in request.headers.get("Cookie", ""):
            return web.Response(status=403)
        self.passed.append(path)
        sent = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _OF_A_CONNECTION | self._drops
        }
        body = await request.read()
        async with self._session.request(
            request.method, self.upstream + path, headers=sent, data=body, allow_redirects=False
        ) as theirs:
            response = web.StreamResponse(
                status=theirs.status,
                headers={
                    name: value
                    for name, value in theirs.headers.items()
                    if name.lower() not in _OF_A_CONNECTION
                },
            )
            response.headers.update(self.headers)
            if path == "/" and self._cookie:
                response.headers["Set-Cookie"] = f"{self._cookie}; Path=/; HttpOnly; SameSite=Lax"
            await response.prepare(request)
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                async for piece in theirs.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
            return response
