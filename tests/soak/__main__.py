"""Let Lens live through a day of a cluster: `python -m tests.soak [--hours 24] [--nodes 1000]`.

A day takes eight minutes: its changes come 180 times as fast, and so do rotations of tokens. What Lens does
by its own clock, it does as in eight minutes, but for malloc's free memory, which it gives back each second
instead of each minute. So before the day there are five minutes, `--warm-up`, in which what is bounded fills:
owners are read for the first time and again, and callers get new tokens every five seconds. Prints a line for
each hour, a negative one before the day, and how much RSS, descriptors, threads, tasks and connections have
grown over the day's last two thirds, a day, with the standard error; build/soak.json has all samples,
build/soak.log what Lens logged. The exit status is 0 if each growth is no more than its bound even when it is
two standard errors larger. It is 1 if one is over its bound, if the run is too short to tell, if a request
failed, or if Lens ended or had a defect. Of less than half a day no growth is judged.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from math import floor
from pathlib import Path

from tests.attack.case import Case
from tests.attack.scene import OWN_TOKEN, Scene, staged
from tests.kubeconfig import write_kubeconfig
from tests.soak import churn, samples
from tests.soak.callers import EXPECTED, Callers
from tests.soak.churn import DAY_S
from tests.soak.samples import NoSampleError, Sample

SPEED = 180.0
WARM_UP_H = 15.0
FILLING = 4
"""How often an hour callers get new tokens before the day."""

SAMPLE_S = 0.5
ENDS_WITHIN_S = 5.0
LONG_ENOUGH_H = 12.0
RESULTS, LOG = Path("build/soak.json"), Path("build/soak.log")
SETTINGS = {
    "metrics_open": "true",
    "alert_for_seconds": "1",
    "alert_clear_seconds": "1",
    "alert_not_ready_seconds": "1",
    "alert_cordoned_seconds": "5",
    "alert_agent_seconds": "2",
    "alert_pending_seconds": "10",
    "alert_idle_seconds": "30",
    "access_stale_seconds": "10",
    "cache_seconds": "5",
}
"""Intervals that are as much shorter as they can be."""

_LINE = "{:>5} {:>8} {:>12} {:>8} {:>6} {:>12} {:>8} {:>8} {:>10} {:>9} {:>6} {:>7}"


def main() -> int:
    """Run a day, or as much of it as is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="simulated hours, 20 s each (%(default)s)")
    parser.add_argument(
        "--warm-up", type=float, default=WARM_UP_H, help="simulated hours before these (%(default)s)"
    )
    parser.add_argument("--nodes", type=int, default=1000, help="(%(default)s)")
    parser.add_argument(
        "--leak",
        type=float,
        default=0.0,
        metavar="MB",
        help="let Lens leak so much a day, to see that the soak fails",
    )
    parser.add_argument("--seed", type=int, default=1, help="(%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lens-soak-") as name:
        token, kubeconfig = Path(name) / "own-token", Path(name) / "by-token-file"
        settings = {**SETTINGS, "kubeconfig": str(kubeconfig)}
        case: Case = type("Day", (Case,), {"nodes": arguments.nodes, "settings": settings})()
        with staged(case, Path(name)) as scene:
            token.write_text(OWN_TOKEN)
            server = f"http://127.0.0.1:{scene.surroundings.apiserver_port}"
            write_kubeconfig(kubeconfig, server, {"tokenFile": str(token)})
            a_second = arguments.leak * SPEED / DAY_S
            scene.lens = (sys.executable, "-m", "tests.soak.living", str(a_second))
            scene.start()
            taken, problems = asyncio.run(_live(scene, token, arguments))
            log = scene.subject.text
    RESULTS.parent.mkdir(exist_ok=True)
    LOG.write_text(log)
    if "Traceback" in log:
        problems.append(f"a traceback in {LOG}")
    kept = samples.last_two_thirds([each for each in taken if each.hour >= 0])
    growths = {field: samples.growth(kept, field) for field in Sample._fields[1:]}
    print("a day: " + ", ".join(f"{field} {growth}" for field, growth in growths.items()))
    if arguments.hours >= LONG_ENOUGH_H:
        problems += samples.judge(growths, arguments.hours)
    found = {
        "growth_a_day": {field: growth._asdict() for field, growth in growths.items()},
        "problems": problems,
        "samples": [each._asdict() for each in taken],
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(problems) or "no problem")
    return 1 if problems else 0


async def _live(scene: Scene, token: Path, arguments: argparse.Namespace) -> tuple[list[Sample], list[str]]:
    """Let the day pass; return the samples, and what went wrong."""
    callers = Callers(scene, arguments.seed)
    taken: list[Sample] = []
    unanswered: list[str] = []
    hour = 0.0
    await asyncio.to_thread(scene.surroundings.do, churn.begin, seed=arguments.seed, speed=SPEED)
    began = time.monotonic()
    print(_LINE.format(*Sample._fields))
    hours = arguments.warm_up + arguments.hours
    asking = asyncio.create_task(callers.ask(hours * 3600 / SPEED))
    before = -arguments.warm_up
    while not asking.done() and scene.subject.runs:
        hour = (time.monotonic() - began) * SPEED / 3600 - arguments.warm_up
        if taken and floor(hour) > floor(before):
            print(
                _LINE.format(*(f"{value:.1f}" if isinstance(value, float) else value for value in taken[-1])),
                flush=True,
            )
            await _rotate(scene, token, floor(hour))
            await callers.rotate()
        elif hour < 0 and floor(hour * FILLING) > floor(before * FILLING):
            await callers.rotate()
        before = hour
        try:
            taken.append(await samples.take(hour, scene.subject.process.pid, scene.port))
        except NoSampleError as error:
            # A process that is just ending may not have ended yet.
            await asyncio.to_thread(scene.subject.until, lambda: False, ENDS_WITHIN_S)
            if scene.subject.runs:
                unanswered.append(f"{error} in hour {hour:.1f}")
        await asyncio.sleep(SAMPLE_S)
    if not scene.subject.runs:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        # Whatever else went wrong is a consequence.
        return taken, [f"Lens ended in hour {hour:.1f}, exit status {scene.subject.process.poll()}"]
    await asking
    problems = unanswered[:1]
    if how := await asyncio.to_thread(scene.surroundings.do, churn.ended):
        problems.append(f"the cluster stood still: {how}")
    failed = {status: number for status, number in callers.statuses.items() if status not in EXPECTED | {200}}
    if failed:
        problems.append(f"requests failed, by status: {failed}")
    print(f"{callers.statuses.total()} requests and streams: {dict(callers.statuses)}")
    return taken, problems


async def _rotate(scene: Scene, token: Path, hour: int) -> None:
    """Give Lens another token for the apiserver, which takes that alone from now on."""
    text = f"{OWN_TOKEN}-{hour}"
    await asyncio.to_thread(scene.surroundings.do, churn.accept, token=text)
    await asyncio.to_thread(_replace, token, text)


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


if __name__ == "__main__":
    sys.exit(main())
