"""After an outage of any kind and length the figures are right within seconds."""

import time
from itertools import islice
from pathlib import Path

import pytest

from lens.kube.client.restarts import Restarts
from lens.kube.watch.kopf_settings import RetryDelays
from tests.integration.watch import faults
from tests.integration.watch.front import WATCHED, Fault
from tests.integration.watch.objects import pod
from tests.integration.watch.scene import Scene, on_each

LASTS_S = 7.0
"""By then the pauses between attempts are as long as they get."""

EXACT_WITHIN_S = 20.0
"""On a busy machine. What Lens itself waits for has a test of its own."""

LONGEST_PAUSE_S = 3.0

KINDS = ("/version", *(f"{request} {resource}" for request in ("list", "watch") for resource in WATCHED))

OUTAGES: dict[str, Fault | None] = {
    "nobody listens": None,
    **{str(code): faults.status(code) for code in (401, 403, 429, 500, 503)},
    "HTML": faults.html(),
    "a cut": faults.reset,
    "a watch or list that is cut": faults.stream(then=faults.reset),
}


def test_two_attempts_are_never_far_apart() -> None:
    """kopf pauses before it repeats a request, and the transport before it begins a list or watch again."""
    restarts, now, pauses = Restarts(), 0.0, []
    for repeated in islice(RetryDelays(), 100):
        pauses.append(repeated + restarts.delay("pods", now))
        now += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.1
    assert pauses[-1] == LONGEST_PAUSE_S


@pytest.mark.slow
async def test_figures_are_right_soon_after_any_outage(tmp_path: Path) -> None:
    await on_each(tmp_path, OUTAGES, comes_and_goes)


async def comes_and_goes(scene: Scene, fault: Fault | None) -> None:
    scene.watch()
    await scene.until_exact()
    if fault is None:
        await scene.front.stop()
    else:
        for kind in KINDS:
            scene.front.always(kind, fault)
        scene.front.cut("")
    scene.put_pod(pod("meanwhile", on="node-1"))
    scene.delete_pod("pod-0")
    await scene.until(lambda: scene.state.current.age(time.time()) > LASTS_S, "an outage")
    if fault is None:
        await scene.front.start()
    else:
        for kind in KINDS:
            scene.front.always(kind, None)
    await scene.until_exact(seconds=EXACT_WITHIN_S)
    await scene.until(lambda: scene.state.current.age(time.time()) < 3, "current figures", EXACT_WITHIN_S)
    assert scene.restarts == 0
