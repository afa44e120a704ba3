"""Nobody reads what Lens logs."""

import itertools
import os

from tests.attack import wire
from tests.attack.case import Case
from tests.attack.scene import Scene


class FullPipe(Case):
    """stderr is a pipe, and it is full."""

    name = "full-pipe"
    row = 22
    who = "-"
    what = "nobody reads stderr (a full pipe)"
    stands_alone = True

    async def attack(self, scene: Scene, seconds: float) -> list[str]:
        """Make lines of the log; Lens has been started so that nobody reads them."""
        steps = (scene.get(f"/no-such-path/{'x' * 200}") for _ in itertools.count())
        await wire.paced(steps, 200, seconds, 8)
        health = await scene.get("/healthz")
        return [] if health.status == 200 else [f"/healthz answers {health.status}"]

    def prepare(self, scene: Scene) -> None:
        """Give the operator a pipe for its log."""
        scene.log_to(*os.pipe())
