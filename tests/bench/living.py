"""A simulated cluster in a process of its own: prints where it is as a line of JSON, and lives on."""

import argparse
import asyncio
import json
from datetime import UTC, datetime

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.cluster.fleet import Fleet
from lens_sim.objects import resources
from lens_sim.objects.store import Store


async def live(nodes: int, token: str, *, still: bool) -> None:
    """Serve a fleet of so many nodes on a port that the system picks; in a `still` one nothing happens."""
    store = Store(1)
    fleet = Fleet(store, _now(), nodes)
    apiserver = SimApiServer(store, token, 0)
    await apiserver.start()
    pods = len(store.snapshot(resources.PODS))
    print(json.dumps({"event": "ready", "url": apiserver.url, "pods": pods}), flush=True)
    await (asyncio.Event().wait() if still else fleet.run(_now))


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--still", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(live(arguments.nodes, arguments.token, still=arguments.still))
