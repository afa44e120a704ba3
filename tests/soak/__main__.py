"""Let Lens live through a day of a cluster: `python -m tests.soak [--hours 24] [--nodes 1000]`.

A day takes eight minutes: its changes come 180 times as fast, and so do rotations of tokens. What Lens does
by its own clock, it does as in eight minutes, but for malloc's free memory, which it gives back each second
instead of each minute. So before the day there are five minutes, `--warm-up`, in which what is bounded fills:
owners are read for the first time and again, and callers get new tokens every four seconds.

Callers ask in the first 14 of an hour's 20 seconds. Then they rest, while the cluster lives on. What Lens
held for them is gone when it has closed their connections, dropped cached responses and given free memory
back; what leaks is still there. From then on samples are taken, until the hour ends.

Prints a line for each hour, a negative one before the day, and how much RSS, descriptors, threads and tasks
have grown from rest to rest over the day's last two thirds, a day, with the standard error. build/soak.json
has all samples, build/soak.log what Lens logged. The exit status is 0 if each growth is no more than its
bound even when it is two standard errors larger. It is 1 if one is over its bound, if the run is too short to
tell, if a request failed, if Lens kept a caller's connection, or if it ended or had a defect. Of less than
half a day no growth is judged.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from tests.attack.case import Case
from tests.attack.scene import OWN_TOKEN, staged
from tests.kubeconfig import write_kubeconfig
from tests.soak import samples
from tests.soak.churn import DAY_S
from tests.soak.day import SPEED, Day
from tests.soak.samples import Sample

WARM_UP_H = 15
LONG_ENOUGH_H = 12
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
    "cache_seconds": "2",
}
"""Intervals that are as much shorter as they can be."""


def main() -> int:
    """Run a day, or as much of it as is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--hours", type=int, default=24, help="simulated hours, 20 s each (%(default)s)")
    parser.add_argument(
        "--warm-up", type=int, default=WARM_UP_H, help="simulated hours before these (%(default)s)"
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
        token, kubeconfig, trimmed = (Path(name) / each for each in ("own-token", "by-token-file", "trimmed"))
        settings = {**SETTINGS, "kubeconfig": str(kubeconfig)}
        case: Case = type("Day", (Case,), {"nodes": arguments.nodes, "settings": settings})()
        with staged(case, Path(name)) as scene:
            token.write_text(OWN_TOKEN)
            server = f"http://127.0.0.1:{scene.surroundings.apiserver_port}"
            write_kubeconfig(kubeconfig, server, {"tokenFile": str(token)})
            a_second = arguments.leak * SPEED / DAY_S
            scene.lens = (sys.executable, "-m", "tests.soak.living", str(a_second), str(trimmed))
            scene.start()
            day = Day(scene, token, trimmed, arguments.seed, arguments.warm_up)
            problems = asyncio.run(day.live(arguments.hours))
            log = scene.subject.text
    RESULTS.parent.mkdir(exist_ok=True)
    LOG.write_text(log)
    if "Traceback" in log:
        problems.append(f"a traceback in {LOG}")
    kept = samples.last_two_thirds([each for each in day.samples if each.hour >= 0])
    growths = {field: samples.growth(kept, field) for field in Sample._fields[1:]}
    print("a day: " + ", ".join(f"{field} {growth}" for field, growth in growths.items()))
    if arguments.hours >= LONG_ENOUGH_H:
        problems += samples.judge(growths, arguments.hours)
    found = {
        "growth_a_day": {field: growth._asdict() for field, growth in growths.items()},
        "problems": problems,
        "samples": [each._asdict() for each in day.samples],
    }
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(problems) or "no problem")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
