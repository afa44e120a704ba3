"""A scraper at work on servers of the test's, at a pace that tests can wait for."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client import CollectorRegistry, Counter

from lens.concurrency.supervisor import Supervisor
from lens.files.credentials import BearerToken, TrustedCa
from lens.model.gpu.telemetry import NO_TELEMETRY, NodeTelemetry, Source, Telemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from lens.telemetry.scraper import Scraper
from lens.telemetry.targets import Target
from tests.integration.telemetry.server import Behaviour, FakeServer

INTERVAL_SECONDS = 0.4
TIMEOUT_SECONDS = 0.3
DEADLINE_SECONDS = 60.0


class Scene:
    """Servers, the scraper that reads them, and what it has passed on."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.telemetry: Telemetry = NO_TELEMETRY
        self.targets: dict[str, Target] = {}
        self.nodes: set[str] = set()
        self.token: BearerToken | None = None
        self.trust: TrustedCa | None = None
        self.refuse_snapshots = 0
        self._stack = stack
        self._registry = CollectorRegistry()

    async def serve(self, node: str, behaviour: Behaviour, source: Source = "agent") -> FakeServer:
        """Start a server for a node; it is asked from the next ``ask`` on."""
        server = await self._stack.enter_async_context(FakeServer(behaviour))
        self.targets[node] = target(node, server, source)
        return server

    async def start(self, ledger: TelemetryCache | None = None, supervisor: Supervisor | None = None) -> None:
        """Start the scraper on all targets there are, as a job of the supervisor if there is one."""
        labels = ["source", "reason"]
        self.scraper = Scraper(
            self._take,
            interval=INTERVAL_SECONDS,
            timeout=TIMEOUT_SECONDS,
            token=self.token,
            trust=self.trust,
            scrapes=Counter("reads", "Readings.", labels[:1], registry=self._registry),
            errors=Counter("refusals", "RefusalCounts.", labels, registry=self._registry),
            rng=random.Random(3),
            cache=ledger,
        )
        run = self.scraper.run
        self.running = supervisor.start("telemetry", run) if supervisor else asyncio.create_task(run())
        self._stack.push_async_callback(self.stop)
        self.ask()

    async def stop(self) -> None:
        """End the scraper."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)

    def ask(self) -> None:
        """Set the targets that there are now, in a cluster that has their nodes and ``nodes``."""
        self.scraper.set_targets(dict(self.targets), self.nodes | self.targets.keys())

    async def until(self, condition: Callable[[], bool], what: str) -> float:
        """Wait for a condition; return the seconds that it took."""
        began = time.monotonic()
        while not condition():
            if self.running.done():
                await self.running
            assert time.monotonic() - began < DEADLINE_SECONDS, f"{what}: {dict(self.telemetry.nodes)}"
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    def node(self, name: str = "node-1") -> NodeTelemetry:
        """Return what is known of a node: nothing at first."""
        return self.telemetry.nodes.get(name) or NodeTelemetry(node=name, source="agent", state="unknown")

    def refusals(self, reason: str, source: Source = "agent") -> float:
        """Return how often something was refused for that reason."""
        sample = {"source": source, "reason": reason}
        return self._registry.get_sample_value("refusals_total", sample) or 0.0

    def reads(self, source: Source = "agent") -> float:
        """Return how often targets were asked."""
        return self._registry.get_sample_value("reads_total", {"source": source}) or 0.0

    def _take(self, telemetry: Telemetry) -> None:
        if self.refuse_snapshots:
            self.refuse_snapshots -= 1
            raise ZeroDivisionError
        assert telemetry.sequence > self.telemetry.sequence
        self.telemetry = telemetry


def target(node: str, server: FakeServer, source: Source = "agent", uid: str = "uid-1") -> Target:
    """Return a server as a target."""
    path = "/v1/devices" if source == "agent" else "/metrics"
    return Target(node, server.url(path), source, f"pod-{node}", uid)


@asynccontextmanager
async def staged() -> AsyncIterator[Scene]:
    """Give a scene; what it started ends with it."""
    async with AsyncExitStack() as stack:
        yield Scene(stack)
