"""Who asks Lens all day: requests of all kinds, streams that are opened and closed, tokens that rotate."""

import asyncio
import json
import random
from collections import Counter
from itertools import count

from tests.attack import cluster, wire
from tests.attack.cluster import GPU
from tests.attack.scene import PENDING, STATUS, STREAM, TASKS, Scene
from tests.attack.surroundings import Surroundings

REQUESTS_S, STREAMS_S = 15.0, 3.0
"""How many requests and how many streams begin a second."""

STREAM_LASTS_S = (0.5, 10.0)

TEAMS = 50
"""They ask for any of so many of the newest namespaces, of which the oldest have gone."""

SPEAKING = 0.9
"""The share of streams that are read."""

FIT = f"/api/v1/realtime/fit?cluster={cluster.NAME}"
NODE = "/api/v1/realtime/nodes"
EXPECTED = {200, 404, 410}
"""404 for a node that has gone, 410 for a page of what is no more."""


def admit(surroundings: Surroundings, like: list[str], tokens: list[str], ended: list[str]) -> None:
    """Let the users of some tokens have these too from now on, and others no more."""
    by_token = surroundings.apiserver.accounts.by_token
    for known, new in zip(like, tokens, strict=True):
        by_token[new] = by_token[known]
    for old in ended:
        del by_token[old]


class Callers:
    """The callers of one Lens."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.statuses: Counter[int] = Counter()
        """How requests and streams were answered; 0 is not at all."""

        self._scene = scene
        self._chance = random.Random(seed)
        self._tokens: list[str] = list(cluster.HONEST)
        self._before: list[str] = []
        self._serial = count(1)
        self._until = 0.0
        self._newest_team = 0

    async def rotate(self) -> None:
        """Give everybody a new token; those before the last end."""
        tokens = [f"{user}-{next(self._serial)}" for user in cluster.HONEST]
        given = {"like": self._tokens, "tokens": tokens, "ended": self._before}
        await asyncio.to_thread(self._scene.surroundings.do, admit, **given)
        self._before, self._tokens = self._tokens, tokens

    async def ask(self, seconds: float, newest_team: int) -> None:
        """Ask for so long, and then break off the streams that are still open."""
        self._newest_team = newest_team
        self._until = asyncio.get_running_loop().time() + seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(wire.paced(iter(self._request, None), REQUESTS_S, seconds))
            group.create_task(wire.paced(iter(self._stream, None), STREAMS_S, seconds))

    async def _request(self) -> None:
        answer = await wire.ask(self._scene.port, self._any_request())
        self.statuses[answer.status] += 1

    def _any_request(self) -> bytes:
        chance, token = self._chance, self._chance.choice(self._tokens)
        number = chance.randint(1, self._scene.case.nodes)
        fields = chance.choice(
            ({}, {"Accept-Encoding": "gzip"}, {"Cache-Control": "no-cache"}, {"Accept": "text/csv"})
        )
        path = chance.choice(
            (
                STATUS,
                f"{STATUS}&include=nodes,alerts,events",
                f"{STATUS}&include=namespaces",
                f"{TASKS}&limit={chance.randint(1, 200)}",
                f"{TASKS}&namespace={self._any_team()}",
                PENDING,
                f"{NODE}?cluster={cluster.NAME}&limit={chance.randint(1, 200)}",
                f"{NODE}/{cluster.node_name(number)}?cluster={cluster.NAME}",
                f"{NODE}/spot-{number}?cluster={cluster.NAME}",
                f"{FIT}&gpus={chance.randint(1, 16)}&replicas={chance.randint(1, 64)}",
                FIT,
                "/api/v1/realtime/summary",
                "/api/v1/clusters",
                f"/api/v1/access?cluster={cluster.NAME}",
            )
        )
        if path != FIT:
            accepted = {} if "fit" in path or "status" in path or "clusters" in path else fields
            return wire.request(path, token, accepted)
        body = json.dumps(self._job()).encode()
        return wire.request(path, token, {"Content-Type": "application/json"}, method="POST", body=body)

    def _any_team(self) -> str:
        return f"team-{max(1, self._newest_team - self._chance.randrange(TEAMS))}"

    def _job(self) -> cluster.Object:
        """Return a pod of a name and labels that were never there before."""
        name = f"asked-{next(self._serial)}"
        made = cluster.pod(name, None, True, "team", annotations={"name": name})
        made["spec"]["containers"][0]["resources"]["limits"] = {GPU: str(self._chance.randint(1, 8))}
        made["metadata"]["labels"]["name"] = name
        return {"apiVersion": "v1", "kind": "Pod", "metadata": made["metadata"], "spec": made["spec"]}

    async def _stream(self) -> None:
        """Open a stream, read it or not, and break it off."""
        namespace = f"&namespace={self._any_team()}"
        path = self._chance.choice(
            (STREAM, f"{STREAM}&include=status", f"{STREAM}&include=alerts", STREAM + namespace)
        )
        reads, lasts = self._chance.random() < SPEAKING, self._chance.uniform(*STREAM_LASTS_S)
        connection = await wire.connect(self._scene.port, reads=reads)
        if connection is None:
            self.statuses[0] += 1
            return
        answered = False
        try:
            # It is answered before it is broken off.
            async with asyncio.timeout(wire.TIMEOUT_S):
                await connection.send(wire.request(path, self._chance.choice(self._tokens)))
                if reads:
                    line = await connection.reader.readline()
                    self.statuses[int(line.split()[1])] += 1
                    answered = True
            left = self._until - asyncio.get_running_loop().time()
            async with asyncio.timeout(max(0.0, min(lasts, left))):
                if not reads:
                    await asyncio.Event().wait()
                while await connection.reader.read(2**16):
                    pass
        except (TimeoutError, OSError, ValueError, IndexError):
            if reads and not answered:
                self.statuses[0] += 1
        finally:
            connection.reset()
