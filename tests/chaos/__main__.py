"""Break everything around Lens, one thing and two at a time: `make chaos`."""

import argparse
import asyncio
from pathlib import Path

from tests.chaos.fault import FAULTS
from tests.chaos.run import Schedule, report, run, scheduled
from tests.chaos.scene import opened
from tests.e2e.cluster import fleet, scheduler
from tests.e2e.cluster.api import Api
from tests.e2e.cluster.control_plane import ControlPlane

RESULTS = Path("build/chaos.json")
LOGS = Path("build/chaos")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "entries", nargs="*", metavar="FAULT[+FAULT]", help="by default each fault, and pairs"
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--seeds", type=int, default=1, help="how many schedules (default 1)")
    parser.add_argument("--pairs", type=int, default=10, help="pairs in each schedule (default 10)")
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--pods", type=int, default=300)
    parser.add_argument("--list", action="store_true", help="name the faults")
    arguments = parser.parse_args()
    if arguments.list:
        for each in FAULTS.values():
            print(f"{each.name:24} {each.text}")
        return
    entries: Schedule = tuple(tuple(entry.split("+")) for entry in arguments.entries)
    if unknown := {name for entry in entries for name in entry} - FAULTS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))} (--list names the faults)")
    LOGS.mkdir(parents=True, exist_ok=True)
    raise SystemExit(0 if asyncio.run(_run(arguments, entries)) else 1)


async def _run(arguments: argparse.Namespace, entries: Schedule) -> bool:
    control_plane = ControlPlane()
    started = await asyncio.to_thread(control_plane.up)
    runs = {}
    try:
        async with Api.from_kubeconfig(control_plane.kubeconfig) as api:
            await fleet.populate(api, nodes=arguments.nodes, pods=arguments.pods)
            await scheduler.wait_until_quiet(api)
            async with opened(control_plane, api, LOGS) as scene:
                for seed in range(arguments.seed, arguments.seed + arguments.seeds):
                    schedule = entries or scheduled(seed, tuple(FAULTS), arguments.pairs)
                    runs[seed] = await run(scene, schedule, seed)
    finally:
        if started:
            await asyncio.to_thread(control_plane.down)
    return report(RESULTS, runs)


main()
