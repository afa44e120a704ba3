"""An apiserver, or a proxy before it, that is gone or broken."""

import asyncio
import time

from tests.attack import cluster
from tests.attack.case import Case
from tests.attack.scene import OWN_TOKEN, STATUS, Scene
from tests.attack.surroundings import Surroundings
from tests.integration.watch import faults
from tests.integration.watch.front import Exchange

UNENDED_BYTES = 160_000
HUGE_YEAR = "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"
LINES = 300_000
LINES_AT_ONCE = 500


async def go_away(surroundings: Surroundings) -> None:
    """Let nobody listen where the apiserver was."""
    await surroundings.front.stop()


async def come_back(surroundings: Surroundings) -> None:
    """Let it listen again."""
    await surroundings.front.start()


def send_unended_strings(surroundings: Surroundings, count: int) -> None:
    """Have the next watches of pods bring a line that is nested deep, and then one string without an end."""
    deep = b'{"type":"ADDED","object":{"metadata":{"name":"x","managedFields":' + b"[" * 2000
    line = deep + b'"' + b'\\"' * (UNENDED_BYTES // 2) + b"\n"
    for _ in range(count):
        surroundings.front.script("watch pods", faults.stream(line))
    surroundings.front.cut("watch pods")


def refuse_for_ages(surroundings: Surroundings) -> None:
    """Have the next requests of every kind be refused until years that no calendar has."""
    for kind in ("watch pods", "list pods", "watch nodes", "list nodes"):
        for when in (HUGE_YEAR, "1e999", "-1", "9" * 400):
            surroundings.front.script(kind, faults.status(429, Retry_After=when))
            surroundings.front.script(kind, faults.status(503, Retry_After=when))
    surroundings.front.cut("")


def send_lines(surroundings: Surroundings, count: int) -> None:
    """Have the next watch of pods bring so many changes of one pod, as fast as they are read."""
    version = surroundings.store.version + 10_000_000

    async def flood(exchange: Exchange) -> None:
        await exchange.send(faults.STREAM)
        for number in range(0, count, LINES_AT_ONCE):
            lines = []
            for each in range(number, number + LINES_AT_ONCE):
                made = cluster.pod("busy", cluster.node_name(1), each % 2 == 0, cluster.TENANT_NAMESPACE)
                made["metadata"] |= {"uid": "busy", "resourceVersion": str(version + each)}
                lines.append(faults.event("MODIFIED", made))
            await exchange.send(b"".join(lines))

    surroundings.front.script("watch pods", flood)
    surroundings.front.cut("watch pods")


class Gone(Case):
    """Nobody can be asked who may what."""

    name = "apiserver-gone"
    row = 10
    who = "-"
    what = "the apiserver is gone, with LENS_AUTH=kubernetes"
    seconds = 60.0
    # A right is asked for again every 30 s: before that nothing shows.
    short_seconds = 40.0

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Take it away; who was let in goes on being answered, and who was not is not."""
        refused = await scene.get(STATUS, cluster.TENANTS[0])
        await asyncio.to_thread(scene.surroundings.do, go_away)
        problems: list[str] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            stranger = await scene.get(STATUS, "never-seen")
            tenant = await scene.get(STATUS, cluster.TENANTS[0])
            problems += [
                f"who has no right gets {each.status}" for each in (stranger, tenant) if each.status == 200
            ]
            await asyncio.sleep(1)
        await asyncio.to_thread(scene.surroundings.do, come_back)
        if refused.status != 403:
            problems.append(f"before it a tenant got {refused.status}")
        return problems


class UnendedStrings(Case):
    """What has no end is looked through again and again."""

    name = "unended-string"
    row = 17
    who = "a broken apiserver or proxy"
    what = "an unterminated string of 160 KB of escaped quotes, nested deep"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Send such lines."""
        await asyncio.to_thread(scene.surroundings.do, send_unended_strings, count=2)
        await asyncio.sleep(seconds)
        return []


class HugeYears(Case):
    """Pauses until a year that can't be."""

    name = "retry-after"
    row = 18
    who = "a broken apiserver or proxy"
    what = "Retry-After with a huge year"

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Refuse with them, then be well; Lens mustn't have had to start its watcher anew."""
        before = await _metric(scene, "lens_watcher_restarts_total")
        await asyncio.to_thread(scene.surroundings.do, refuse_for_ages)
        await asyncio.sleep(max(seconds, 4.0))
        after = await _metric(scene, "lens_watcher_restarts_total")
        return [f"the watcher has ended {after - before:.0f} times"] if after > before else []


class ManyLines(Case):
    """Changes faster than kopf deals with them."""

    name = "watch-lines"
    row = 24
    who = "a busy or broken apiserver"
    what = "300,000 changes of one pod as fast as they are read"
    seconds = 30.0
    short_seconds = 5.0

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Send them."""
        count = round(LINES * seconds / self.seconds)
        await asyncio.to_thread(scene.surroundings.do, send_lines, count=count)
        await asyncio.sleep(seconds)
        return []


class PasswordInUrl(Case):
    """The kubeconfig's server URL has a password, and the apiserver fails in many ways."""

    name = "url-password"
    row = 14
    who = "-"
    what = "a password in the kubeconfig's server URL"
    seconds = 8.0
    short_seconds = 4.0

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Take the apiserver away and let it come back, and look into the log."""
        await asyncio.to_thread(scene.surroundings.do, go_away)
        await asyncio.sleep(seconds / 2)
        await asyncio.to_thread(scene.surroundings.do, come_back)
        await asyncio.to_thread(scene.surroundings.do, refuse_for_ages)
        await asyncio.sleep(seconds / 2)
        lines = scene.subject.text.splitlines()
        leaks = sum(OWN_TOKEN in line for line in lines)
        return [f"it is in {leaks} of {len(lines)} lines of the log"] if leaks else []


async def _metric(scene: Scene, name: str) -> float:
    answer = await scene.get("/metrics", cluster.NEWCOMERS[0])
    values = [line.split()[-1] for line in answer.body.decode().splitlines() if line.startswith(name + " ")]
    return float(values[0]) if values else 0.0
