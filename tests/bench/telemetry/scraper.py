"""The operator's part in reading agents, alone in a process: what it costs, and how old what it knows gets.

After a warm-up it measures itself, and prints what it saw as one line of JSON.
"""

import argparse
import asyncio
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter

from lens.model.gpu.telemetry import NO_TELEMETRY, Telemetry
from lens.telemetry.scraper import Scraper
from lens.telemetry.targets import Target
from tests.bench.process import usage

INTERVAL_SECONDS = 15.0
TIMEOUT_SECONDS = 5.0
LOOK_SECONDS = 0.5


class Watcher:
    """Looks at the latest snapshot again and again."""

    def __init__(self, good: frozenset[str]) -> None:
        self.good = good
        self.latest = NO_TELEMETRY
        self.ages: list[float] = []

    def take(self, telemetry: Telemetry) -> None:
        """Take a snapshot."""
        self.latest = telemetry

    async def look(self, seconds: float) -> None:
        """Note the greatest age of a good agent's sample, as anybody would see it, at each look."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            now = time.time()
            self.ages.append(max(now - moment for moment in self._sampled_at()))
            await asyncio.sleep(LOOK_SECONDS)

    def _sampled_at(self) -> Iterator[float]:
        for node in self.good:
            telemetry = self.latest.nodes.get(node)
            yield telemetry.sampled_at or 0.0 if telemetry else 0.0


async def measure(nodes: dict[str, dict[str, int]], warm_up: float, seconds: float) -> dict[str, float]:
    """Read all the agents for so long, after so long; return the figures."""
    watcher = Watcher(frozenset(name for name, node in nodes.items() if node["good"]))
    registry = CollectorRegistry()
    reads = Counter("reads", "Readings.", ["source"], registry=registry)
    refusals = Counter("refusals", "RefusalCounts.", ["source", "reason"], registry=registry)
    scraper = Scraper(
        watcher.take,
        interval=INTERVAL_SECONDS,
        timeout=TIMEOUT_SECONDS,
        token=None,
        trust=None,
        scrapes=reads,
        errors=refusals,
        rng=random.Random(1),
    )
    running = asyncio.create_task(scraper.run())
    scraper.set_targets(
        {
            name: Target(
                name, f"http://127.0.0.1:{node['port']}/v1/devices", "agent", f"lens-agent-{name}", name
            )
            for name, node in nodes.items()
        },
        nodes.keys(),
    )
    await asyncio.sleep(warm_up)
    began, before = time.monotonic(), usage(os.getpid())
    done = registry.get_sample_value("reads_total", {"source": "agent"}) or 0.0
    await watcher.look(seconds)
    wall, after = time.monotonic() - began, usage(os.getpid())
    read = (registry.get_sample_value("reads_total", {"source": "agent"}) or 0.0) - done
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return {
        "cores": (after.cpu_s - before.cpu_s) / wall,
        "max_age_s": max(watcher.ages),
        "reads_per_s": read / wall,
        "rss_mib": after.rss_mib,
        "peak_rss_mib": after.peak_rss_mib,
        "rss_growth_mib": after.rss_mib - before.rss_mib,
        "reporting_gpus": watcher.latest.sums.reporting,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=Path, required=True, help="the fake agents' ready line")
    parser.add_argument("--warm-up", type=float, default=90)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    fleet = json.loads(arguments.nodes.read_text())["nodes"]
    print(json.dumps(asyncio.run(measure(fleet, arguments.warm_up, arguments.seconds))))
