"""The day's course: in each simulated hour callers ask, then rest, and samples are taken of that rest."""

import asyncio
import time
from math import floor
from pathlib import Path

from tests.attack.scene import OWN_TOKEN, Scene
from tests.soak import churn, rest, samples
from tests.soak.callers import EXPECTED, Callers
from tests.soak.samples import NoSampleError, Sample

SPEED = 180.0
HOUR_S = 3600 / SPEED
ASKING = 0.7
"""The share of an hour in which callers ask."""

FILLING = 4
"""How often an hour callers get new tokens before the day."""

SAMPLE_S = 0.5
LOOK_S = 0.2
ENDS_WITHIN_S = 5.0

_LINE = "{:>5} {:>8} {:>12} {:>8} {:>6} {:>12} {:>8} {:>8} {:>10} {:>9} {:>6} {:>7}"


class Day:
    """A day, and the hours before it, which are negative."""

    def __init__(self, scene: Scene, token: Path, trimmed: Path, seed: int, warm_up: int) -> None:
        """Take Lens' scene, its token's file, and the file that is touched when it gives memory back."""
        self.samples: list[Sample] = []
        self._scene = scene
        self._token = token
        self._trimmed = trimmed
        self._seed = seed
        self._callers = Callers(scene, seed)
        self._unanswered: list[str] = []
        self._first, self._began = -warm_up, 0.0

    @property
    def hour(self) -> float:
        """Return the present hour."""
        return self._first + (time.monotonic() - self._began) / HOUR_S

    async def live(self, hours: int) -> list[str]:
        """Let the day pass until an hour; return what went wrong."""
        scene, callers = self._scene, self._callers
        await asyncio.to_thread(scene.surroundings.do, churn.begin, seed=self._seed, speed=SPEED)
        self._began = time.monotonic()
        print(_LINE.format(*Sample._fields), flush=True)
        passing = asyncio.create_task(self._pass(hours))
        while not passing.done() and scene.subject.runs:
            await asyncio.wait({passing}, timeout=LOOK_S)
        if self._unanswered:
            # A process that is just ending may not have ended yet.
            await asyncio.to_thread(scene.subject.until, lambda: False, ENDS_WITHIN_S)
        if not scene.subject.runs:
            passing.cancel()
            await asyncio.gather(passing, return_exceptions=True)
            # Whatever else went wrong is a consequence.
            return [f"Lens ended in hour {self.hour:.1f}, exit status {scene.subject.process.poll()}"]
        await passing
        problems = self._unanswered[:1]
        if how := await asyncio.to_thread(scene.surroundings.do, churn.ended):
            problems.append(f"the cluster stood still: {how}")
        statuses = callers.statuses
        failed = {status: number for status, number in statuses.items() if status not in EXPECTED | {200}}
        if failed:
            problems.append(f"requests failed, by status: {failed}")
        print(f"{statuses.total()} requests and streams: {dict(statuses)}")
        return problems

    async def _pass(self, hours: int) -> None:
        while (hour := floor(self.hour)) < hours:
            await self._rotate(hour)
            await self._ask(hour)
            try:
                await self._rest(hour)
            except (rest.NoRestError, NoSampleError) as error:
                self._unanswered.append(f"{error} in hour {hour}")
            else:
                values = (f"{each:.1f}" if isinstance(each, float) else each for each in self.samples[-1])
                print(_LINE.format(*values), flush=True)
            await asyncio.sleep(self._until(hour + 1))

    async def _ask(self, hour: int) -> None:
        parts = FILLING if hour < 0 else 1
        for part in range(1, parts + 1):
            await self._callers.rotate()
            newest_team = churn.newest_team((self.hour - self._first) * 3600)
            await self._callers.ask(self._until(hour + ASKING * part / parts), newest_team)

    async def _rest(self, hour: int) -> None:
        """Take samples at rest until the hour ends, at least one. Raise NoRestError or NoSampleError."""
        await rest.begin(self._sample, lambda: self._trimmed.stat().st_mtime_ns)
        self.samples.append(await self._sample())
        while self._until(hour + 1) > SAMPLE_S:
            await asyncio.sleep(SAMPLE_S)
            self.samples.append(await self._sample())

    async def _sample(self) -> Sample:
        return await samples.take(self.hour, self._scene.subject.process.pid, self._scene.port)

    async def _rotate(self, hour: int) -> None:
        """Give Lens another token for the apiserver, which takes that alone from now on."""
        text = f"{OWN_TOKEN}-{hour}"
        await asyncio.to_thread(self._scene.surroundings.do, churn.accept, token=text)
        await asyncio.to_thread(_replace, self._token, text)

    def _until(self, hour: float) -> float:
        """Return the real seconds until an hour; 0 when it is over."""
        return max(0.0, (hour - self.hour) * HOUR_S)


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)
