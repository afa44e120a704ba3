"""Faults of the nodes' agents. Half of them go on as if nothing were."""

import secrets
import time
from collections.abc import AsyncIterator, Callable

from tests.chaos.fault import fault
from tests.chaos.scene import Scene
from tests.integration.telemetry import server
from tests.unit.telemetry.reports import Object

SOME = (0, 2, 4, 6)


@fault(breaks="agents", seconds=15)
async def agents_hanging(scene: Scene) -> AsyncIterator[None]:
    """Agents take requests and answer nothing, or a byte now and then."""
    async with scene.agents.behaving(
        {0: server.hang, 2: server.hang, 4: server.drip, 6: server.drip_the_head}
    ):
        yield


@fault(breaks="agents", seconds=15)
async def agents_endless(scene: Scene) -> AsyncIterator[None]:
    """Agents answer without an end: heads, bodies, chunks, promises."""
    async with scene.agents.behaving(
        {0: server.flood, 2: server.flood_in_chunks, 4: server.flood_the_head, 6: server.put_off}
    ):
        yield


@fault(breaks="agents", seconds=15)
async def agents_garbled(scene: Scene) -> AsyncIterator[None]:
    """Agents answer what is no report, half of one, or no HTTP."""
    async with scene.agents.behaving(
        {
            0: server.sends(b"<html>It works!</html>"),
            2: server.hang_up,
            4: server.speak_otherwise,
            6: server.sends(b"{}", "503 Service Unavailable"),
        }
    ):
        yield


@fault(breaks="agents", seconds=15)
async def agents_lying(scene: Scene) -> AsyncIterator[None]:
    """Agents report another node, GPUs that their node lacks, another version, and what can't be."""
    agents = scene.agents
    liars = {number: agents.all[number] for number in SOME}

    def another_node() -> Object:
        return agents.all[1].says()

    def of_a_later_version() -> Object:
        return liars[2].says() | {"version": 99}

    def too_many() -> Object:
        said = liars[4].says()
        more = [
            each | {"index": 100 + each["index"], "uuid": f"{each['uuid']}-no", "utilization_percent": 100.0}
            for each in said["gpus"]
        ]
        return said | {"gpus": [*said["gpus"], *more]}

    def impossible() -> Object:
        said = liars[6].says()
        odd = {
            "utilization_percent": 4_000_000_000,
            "memory_used_bytes": -1,
            "temperature_celsius": 1e300,
            "power_watts": -5,
            "sampled_at": time.time() + 10**9,
        }
        return said | {"gpus": [each | odd for each in said["gpus"]], "sampled_at": time.time() + 10**9}

    lies = {0: another_node, 2: of_a_later_version, 4: too_many, 6: impossible}
    async with agents.behaving({number: agents.telling(lie) for number, lie in lies.items()}):
        yield


@fault(breaks="agents", seconds=15)
async def agents_claiming(scene: Scene) -> AsyncIterator[None]:
    """Agents claim the GPUs of other nodes, which then count for neither."""
    agents = scene.agents

    def claiming(number: int) -> Callable[[], Object]:
        def says() -> Object:
            own, others = agents.all[number].says(), agents.all[number + 1].says()
            uuids = [each["uuid"] for each in others["gpus"]]
            both = zip(own["gpus"], uuids, strict=False)
            return own | {"gpus": [each | {"uuid": uuid} for each, uuid in both]}

        return says

    async with agents.behaving({number: agents.telling(claiming(number)) for number in (0, 4)}):
        yield


@fault(breaks="agents", seconds=15)
async def agents_late(scene: Scene) -> AsyncIterator[None]:
    """Agents go on answering with the samples of before, which they say are old."""
    agents = scene.agents

    def again(number: int) -> server.Behaviour:
        said = agents.all[number].says()
        return agents.telling(lambda: said)

    async with agents.behaving({number: again(number) for number in SOME}):
        yield


@fault(breaks="agents", seconds=15)
async def agents_down(scene: Scene) -> AsyncIterator[None]:
    """Nobody listens at the addresses of agents, whose pods remain."""
    for number in SOME:
        await scene.agents.silence(scene.agents.all[number])
    try:
        yield
    finally:
        for number in SOME:
            await scene.agents.listen(scene.agents.all[number])


@fault(breaks="agents", seconds=2)
async def agents_restarted(scene: Scene) -> AsyncIterator[None]:
    """All agents are replaced by new pods, at other addresses."""
    for agent in scene.agents.all:
        await scene.agents.replace(agent)
    yield


@fault(breaks="agents", seconds=6)
async def agents_token_rotated(scene: Scene) -> AsyncIterator[None]:
    """The agents want another token, which Lens gets later."""
    scene.agents.token = secrets.token_hex(16)
    try:
        yield
    finally:
        scene.agents.write_token()


@fault(breaks="agents", hurts=(0, 1), seconds=2, pairs=False)
async def agents_moved(scene: Scene) -> AsyncIterator[None]:
    """The agents go to another port, and the Lenses are replaced by ones that know it."""
    await scene.agents.change_port()
    for replica in scene.replicas:
        replica.settings |= scene.agents.settings
    await scene.replace()
    yield


@fault(breaks="agents", seconds=15)
async def node_ip_reused(scene: Scene) -> AsyncIterator[None]:
    """The addresses of agents belong to other nodes' agents by now, which their pods tell later."""
    pairs = [(scene.agents.all[number], scene.agents.all[number + 1]) for number in SOME]
    for one, other in pairs:
        scene.agents.swap(one, other)
    try:
        yield
    finally:
        for pair in pairs:
            for agent in pair:
                await scene.agents.write_address(agent)
