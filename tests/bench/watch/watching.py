"""What watching costs: Lens against client-go, plain kopf and kubectl-view-allocations, on one cluster."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench.figures import Figures
from tests.bench.peers import build
from tests.bench.process import Process, answers
from tests.bench.turns import in_turns
from tests.bench.watch import startup, writer
from tests.bench.watch.event_cost import event_cost, wait_until_still
from tests.bench.watch.ground import ground
from tests.bench.watch.visible import visible
from tests.e2e.cluster import ports
from tests.e2e.cluster.api import Api

SETTLE_S = 5.0
EVENTS_PER_SECOND = 200.0
EVENT_SECONDS = 15.0
CREATES_PER_SECOND = 50.0
VISIBLE_SECONDS = 20.0
SERVE = [sys.executable, "-m", "lens", "serve"]


def measure_start(figures: Figures, kubeconfig: Path, nodes: int, pods: int, rounds: int) -> None:
    """Add the figures of a start: until it listens, until it is ready, memory, CPU."""
    (port,) = ports.free(1)
    env, url = environment(kubeconfig, port), f"http://127.0.0.1:{port}"

    def listening() -> Mapping[str, float]:
        with Process(SERVE, env) as process:
            return {"listening_s": process.until(answers(f"{url}/healthz"))}

    spreads = in_turns(
        {
            "lens": lambda: startup.served(SERVE, env, f"{url}/readyz", SETTLE_S),
            "client-go": lambda: startup.client_go(kubeconfig, SETTLE_S),
            "client-go JSON": lambda: startup.client_go(kubeconfig, SETTLE_S, "application/json"),
            "plain kopf": lambda: startup.plain_kopf(kubeconfig, pods, nodes, SETTLE_S),
            "kubectl-view-allocations": lambda: startup.kubectl_view_allocations(kubeconfig),
            "listening": listening,
        },
        rounds,
    )
    lens, informer = spreads["lens"], spreads["client-go"]
    figures.add("start_s", spreads["listening"]["listening_s"].median, "s")
    figures.add("ready_vs_client_go", lens["ready_s"].median, "s", informer["ready_s"].median)
    figures.add("ready_cpu_vs_client_go", lens["ready_cpu_s"].median, "s", informer["ready_cpu_s"].median)
    figures.add("rss_vs_client_go", lens["settled_rss_mib"].median, "MiB", informer["settled_rss_mib"].median)
    for name in ("client-go JSON", "plain kopf", "kubectl-view-allocations"):
        plain = name.replace("-", "_").replace(" ", "_").lower()
        for measure, unit in (("ready_s", "s"), ("peak_rss_mib", "MiB")):
            figures.add(
                f"{measure.removesuffix('_mib')}_vs_{plain}",
                lens[measure].median,
                unit,
                spreads[name][measure].median,
            )


def measure_events(figures: Figures, kubeconfig: Path) -> None:
    """Add the figures of a running watch: CPU per event, and the time from a write to its being visible."""
    (port,) = ports.free(1)
    url = f"http://127.0.0.1:{port}"
    with (
        Process(SERVE, environment(kubeconfig, port)) as lens,
        Process([str(build.informer()), "-kubeconfig", str(kubeconfig)]) as informer,
    ):
        lens.until(answers(f"{url}/readyz"))
        informer.ready()
        asyncio.run(_events(figures, kubeconfig, {"lens": lens.pid, "client-go": informer.pid}, url))


async def _events(figures: Figures, kubeconfig: Path, pids: Mapping[str, int], url: str) -> None:
    async with Api.from_kubeconfig(kubeconfig) as api:
        # Values that an earlier run has not written: the same again would change nothing.
        noise = await writer.noise(api, seed=time.time_ns())
        await wait_until_still(api)
        costs = await event_cost(pids, api, noise, EVENTS_PER_SECOND, EVENT_SECONDS)
        figures.add("cpu_ms_noise_event", costs["lens"].cpu_ms, "ms", costs["client-go"].cpu_ms)
        async with ground(api, writer.REAL_PODS) as own:
            costs = await event_cost(pids, api, writer.real(own), EVENTS_PER_SECOND, EVENT_SECONDS)
        figures.add("cpu_ms_real_event", costs["lens"].cpu_ms, "ms", costs["client-go"].cpu_ms)
        seen = await visible(
            api,
            f"{url}/api/v1/realtime/status?cluster=bench",
            {},
            noise,
            creates_per_second=CREATES_PER_SECOND,
            noise_per_second=EVENTS_PER_SECOND - CREATES_PER_SECOND,
            seconds=VISIBLE_SECONDS,
        )
    figures.add("visible_p50_ms", seen.lens.p50_ms, "ms", seen.watch.p50_ms)
    figures.add("visible_p50_more_ms", seen.lens.p50_ms - seen.watch.p50_ms, "ms")
    figures.add("visible_p99_ms", seen.lens.p99_ms, "ms", seen.watch.p99_ms)
    figures.add("visible_writes_per_second", seen.writes_per_second, "1/s")


def environment(kubeconfig: Path, port: int) -> dict[str, str]:
    """Return what `lens serve` is told: a cluster, a port, and no bounds that a benchmark could meet."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("LENS_")},
        "LENS_CLUSTER": "bench",
        "LENS_AUTH": "none",
        "LENS_LISTEN": f"127.0.0.1:{port}",
        "LENS_KUBECONFIG": str(kubeconfig),
        # The limit holds, and is out of reach.
        "LENS_REQUESTS_PER_MINUTE": "1000000",
        "LENS_LOG_LEVEL": "warning",
    }
