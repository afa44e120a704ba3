"""What a real apiserver forwards ports to: a kubelet's endpoint for it, of a node that isn't there."""

import asyncio
import ssl
import threading
from pathlib import Path
from typing import Any

from aiohttp import web

from lens_sim.apiserver.port_forwards import PortForwards
from lens_sim.apiserver.status import StatusError
from tests.integration.watch import tls

DEADLINE_S = 30.0


class Kubelet:
    """Serves `/portForward/NAMESPACE/POD` in a thread of its own; nobody checks its certificate here."""

    def __init__(self, folder: Path) -> None:
        self.forwards = PortForwards()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._runner: web.AppRunner | None = None
        self.port = self._run(self._start(folder))

    def node(self, name: str) -> dict[str, Any]:
        """Return the Node whose kubelet this is. kwok leaves it alone, and the scheduler too."""
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name},
            "spec": {"unschedulable": True},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
            },
        }

    def stop(self) -> None:
        """End it."""
        assert self._runner is not None
        self._run(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(DEADLINE_S)

    async def _start(self, folder: Path) -> int:
        authority = await tls.authority(folder, "kubelet-ca")
        pair = await tls.certificate(folder, "kubelet", authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        app = web.Application()
        app.router.add_get("/portForward/{namespace}/{name}", self._forward)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self.forwards.serve(request)
        except StatusError as error:
            return web.Response(status=error.code, body=error.body(), content_type="application/json")
