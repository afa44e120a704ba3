"""Measure Lens against its peers: `make bench`. Nothing here passes or fails; the figures are for reading."""

import argparse
import asyncio
from pathlib import Path

from tests.bench import sizing
from tests.bench.api import answers, cli, lists, page, streams
from tests.bench.figures import RESULTS, Figures
from tests.bench.large import measure as large
from tests.bench.peers import build
from tests.bench.telemetry import agent, scrape
from tests.bench.watch import watching
from tests.e2e.cluster import fleet, scheduler
from tests.e2e.cluster.api import Api
from tests.e2e.cluster.control_plane import ControlPlane


def main() -> None:
    """Run the benchmarks that are asked for; all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only",
        choices=[
            "answers",
            "lists",
            "streams",
            "start",
            "events",
            "scrape",
            "agent",
            "sizing",
            "large",
            "page",
            "cli",
        ],
        help="one part of it",
    )
    arguments = parser.parse_args()
    figures = Figures()
    if arguments.only in (None, "agent"):
        agent.measure(figures, arguments.rounds)
    if arguments.only in (None, "answers"):
        build.load()
        answers.measure(figures, arguments.rounds)
    if arguments.only in (None, "lists"):
        build.load()
        lists.measure(figures)
    if arguments.only in (None, "streams"):
        build.load()
        streams.measure(figures)
    if arguments.only in (None, "start", "events"):
        build.informer()
        if arguments.only in (None, "start"):
            build.kubectl_view_allocations()
        _with_cluster(figures, arguments)
    figures.write(RESULTS)
    if arguments.only in (None, "sizing"):
        sizing.measure(figures)
        figures.write(RESULTS)
    if arguments.only in (None, "large"):
        large.measure(figures)
        figures.write(RESULTS)
    if arguments.only in (None, "page"):
        page.measure(figures)
        figures.write(RESULTS)
    if arguments.only in (None, "cli"):
        cli.measure(figures)
        figures.write(RESULTS)
    if arguments.only in (None, "scrape"):
        scrape.measure(figures)
        figures.write(RESULTS)


def _with_cluster(figures: Figures, arguments: argparse.Namespace) -> None:
    control_plane = ControlPlane()
    # Heartbeats of 1,000 nodes every 10 s would be most of what there is to watch.
    started = control_plane.up(heartbeat_s=60)
    try:
        asyncio.run(_populate(control_plane.kubeconfig, arguments.nodes, arguments.pods))
        if arguments.only in (None, "start"):
            watching.measure_start(
                figures, control_plane.kubeconfig, arguments.nodes, arguments.pods, arguments.rounds
            )
        if arguments.only in (None, "events"):
            watching.measure_events(figures, control_plane.kubeconfig)
    finally:
        if started:
            control_plane.down()


async def _populate(kubeconfig: Path, nodes: int, pods: int) -> None:
    async with Api.from_kubeconfig(kubeconfig) as api:
        await fleet.populate(api, nodes=nodes, pods=pods)
        await scheduler.wait_until_quiet(api, deadline_s=600)


if __name__ == "__main__":
    main()
