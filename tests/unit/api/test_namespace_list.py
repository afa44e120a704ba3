"""The rows of very many namespaces keep no other request waiting."""

import asyncio
import json
from time import thread_time

from lens.api.endpoints.namespaces import NamespaceList
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, node, pod

MANY = 4000


async def longest_turn(turns: list[float]) -> None:
    """Note how much CPU time everything else takes between two turns of this."""
    while True:
        began = thread_time()
        await asyncio.sleep(0)
        turns.append(thread_time() - began)


async def test_others_get_their_turn_while_many_namespaces_are_counted() -> None:
    cluster = Cluster()
    cluster.add(node("n1", 8), pod("p", "n1", 2, namespace="busy"))
    for number in range(MANY):
        # The names aren't in their order, so that they have to be sorted.
        name = f"team-{number * 7919 % MANY}"
        cluster.add(pod("w", "", 1, namespace=name, phase="Pending", started=None))
    cluster.publish(NOW)
    shares, took, rows = [], [], None
    for _ in range(3):
        turns: list[float] = []
        others = asyncio.create_task(longest_turn(turns))
        await asyncio.sleep(0)
        rows = await NamespaceList(1.0).rows(cluster.state.current)
        others.cancel()
        shares.append(max(turns) / sum(turns))
        took.append(sum(turns))
    # In one piece it would be all of the time. A collection of garbage may fall into one of the turns.
    assert min(shares) < 0.5
    assert rows is not None
    began = thread_time()
    body = rows(cluster.state.current, NOW)
    # What each answer makes again is what time changes.
    assert thread_time() - began < min(took) / 5
    names = [row["namespace"] for row in json.loads(bytes(body))]
    assert names == ["busy", *sorted(f"team-{number}" for number in range(MANY))]
