"""What stands around Lens, in a process of its own: apiserver, agents, a peer; each can be told to misbehave.

    python -m tests.attack.surroundings --nodes 20 --token TOKEN

Says where all of it is as a line of JSON, and then does what it is told on stdin, a line of JSON each:
`call` names a function, such as `tests.attack.cases.tenants:put_large_pods`, which gets the Surroundings and
the arguments in `given`. Every call is answered with a line.
"""

import argparse
import asyncio
import contextlib
import importlib
import json
import sys
import traceback

from aiohttp import web

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.objects.store import Store
from tests.attack import cluster
from tests.attack.agents import Agents
from tests.e2e.cluster import ports
from tests.integration.watch.front import Front


class Surroundings:
    """What the functions that are called can change."""

    def __init__(self, nodes: int, token: str) -> None:
        """Take how many nodes the cluster has, and Lens' own token."""
        self.nodes = nodes
        self.store = Store()
        self.apiserver = SimApiServer(self.store, token, bookmark_interval=5.0)
        self.front = Front(0)
        self.agents_port = ports.free(1)[0]
        self.agents = Agents(nodes, self.agents_port)
        self.peer_body = b'{"meta": {"code": 5003, "message": "Not synced yet"}, "data": null}'
        self.peer_status = 503
        self.peer_port = 0
        self.changing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fill the cluster, and serve."""
        cluster.fill(self.store, self.nodes)
        cluster.give_rights(self.apiserver.accounts)
        await self.apiserver.start()
        self.front = Front(self.apiserver.port)
        await self.front.start()
        await self.agents.start()
        runner = web.ServerRunner(web.Server(self._peer), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.peer_port = runner.addresses[0][1]

    async def _peer(self, _request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=self.peer_status, body=self.peer_body, content_type="application/json")


async def _call(surroundings: Surroundings, line: str) -> object:
    request = json.loads(line)
    module, _, name = request["call"].partition(":")
    result = getattr(importlib.import_module(module), name)(surroundings, **request["arguments"])
    return await result if asyncio.iscoroutine(result) else result


async def _main(nodes: int, token: str) -> None:
    surroundings = Surroundings(nodes, token)
    await surroundings.start()
    where = {
        "apiserver": surroundings.front.port,
        "agents": surroundings.agents_port,
        "peer": surroundings.peer_port,
    }
    print(json.dumps(where), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            answer = {"done": await _call(surroundings, line)}
        except Exception:
            answer = {"failed": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--token", required=True)
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(arguments.nodes, arguments.token))
