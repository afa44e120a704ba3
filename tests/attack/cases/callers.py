"""Callers with rights in one namespace, and those who guess tokens."""

import base64
import itertools
import json
from collections.abc import Iterator

from tests.attack import cluster, others, wire
from tests.attack.case import Case
from tests.attack.scene import OWN_TASKS, STATUS, Scene

REQUESTS_PER_TOKEN = 450
"""Well below what a caller may ask of an endpoint in a minute."""


def _filled(prefix: str, size: int) -> str:
    """Return text of a size, one that there hasn't been."""
    return (prefix * (size // len(prefix) + 1))[:size]


class LongFields(Case):
    """Fields that are taken apart, and kept in what keeps a number of them."""

    name = "long-fields"
    row = 4
    who = "a caller of one namespace"
    what = "Accept and Accept-Encoding of 1.5 MB, never the same twice"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Ask with them."""

        def written() -> Iterator[bytes]:
            for number in range(300):
                lines = "".join(
                    f"Accept{'-Encoding' if index % 2 else ''}: {_filled(f'{number}-{index}/x,', 16_000)}\r\n"
                    for index in range(94)
                )
                plain = wire.request(OWN_TASKS, cluster.TENANTS[0])
                yield plain.replace(b"Host: lens\r\n", b"Host: lens\r\n" + lines.encode())

        await wire.paced((wire.ask(scene.port, each) for each in written()), 30, seconds, 4)
        return []


class CacheKeys(Case):
    """What is asked for is a part of what is kept."""

    name = "cache-keys"
    row = 7
    who = "callers"
    what = "event_object of 8,000 characters and forged continue, never the same twice"
    seconds = 40.0
    short_seconds = 4.0

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Ask with many tokens, so that none of them meets its limit."""

        def written() -> Iterator[bytes]:
            callers = itertools.cycle(cluster.NEWCOMERS + cluster.TENANTS)
            for number, token in zip(range(REQUESTS_PER_TOKEN * 40), callers, strict=False):
                if token in cluster.TENANTS:
                    query = [cluster.NAME, cluster.TENANT_NAMESPACE, "running", None, "name"]
                    place = [query, [cluster.TENANT_NAMESPACE, f"{number:08}" + "x" * 2500]]
                    forged = base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
                    yield wire.request(f"{OWN_TASKS}&continue={forged}", token)
                else:
                    yield wire.request(
                        f"{STATUS}&include=events&event_object={_filled(f'{number}-', 7_900)}", token
                    )

        await wire.paced((wire.ask(scene.port, each) for each in written()), 300, seconds, 8)
        return []


class WrongTokens(Case):
    """Guesses from the address of an Ingress, behind which are others too."""

    name = "wrong-tokens"
    row = 13
    who = "anybody behind the same Ingress"
    what = "12 wrong tokens a second and more; right ones that Lens hasn't seen yet"
    settings = {"requests_burst": "100"}
    """So that an address has used up what it may get wrong after some seconds, and not after minutes."""

    seconds = 15.0
    short_seconds = 6.0

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Guess from the others' address, and let a latecomer come from there now and then."""
        refused: list[int] = []
        latecomers = iter(cluster.LATECOMERS)

        async def come(token: str) -> None:
            answer = await wire.ask(scene.port, wire.request(STATUS, token), others.SOURCE)
            refused.extend([answer.status] if answer.status != 200 else [])

        async def guess(number: int) -> None:
            await wire.ask(scene.port, wire.request(STATUS, f"wrong-{number}"), others.SOURCE)

        steps = (
            come(next(latecomers, cluster.NEWCOMERS[0])) if number % 25 == 24 else guess(number)
            for number in itertools.count()
        )
        await wire.paced(steps, 60, seconds, 8)
        return [f"right tokens were answered {sorted(set(refused))}"] if refused else []
