"""A seeded schedule of faults, alone and in pairs, and what has to hold during and after each."""

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from random import Random

import aiohttp

from tests.chaos import faults as _all
from tests.chaos.churn import MARKERS, Churn
from tests.chaos.clients import Clients
from tests.chaos.fault import FAULTS, Fault
from tests.chaos.history import wrong_answers, wrong_shows, wrong_streams
from tests.chaos.names import can_resolve
from tests.chaos.replica import fake_clock
from tests.chaos.scene import Scene
from tests.chaos.telemetry import Watcher, settle, wrong_samples
from tests.chaos.tenant import Tenant
from tests.e2e.agreement import agree
from tests.e2e.cluster.api import ApiError
from tests.e2e.cluster.waiting import wait_until

assert _all

EXACT_WITHIN_S = 60.0
MAX_PAUSED_S = 5.0
"""Where this process stood still for longer, as on a laptop that sleeps, an outcome means nothing."""

TRIES = 3
NEEDS_CLOCK = ("clock-forward", "clock-back", "clock-leaps")
NEEDS_NAMES = ("dns-gone", "dns-empty")


@dataclass
class Outcome:
    """What came of one fault, or of two at once."""

    faults: tuple[str, ...]
    exact_s: float | None = None
    telemetry_s: float | None = None
    paused_s: float = 0.0
    requests: int = 0
    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Tell whether nothing was wrong."""
        return self.telemetry_s is not None and not self.failed and not self.wrong


Schedule = tuple[tuple[str, ...], ...]


def scheduled(seed: int, names: Sequence[str], pairs: int) -> Schedule:
    """Return each fault once, and so many pairs, in an order that the seed decides."""
    random = Random(seed)
    impossible = (*(() if fake_clock() else NEEDS_CLOCK), *(() if can_resolve() else NEEDS_NAMES))
    if impossible:
        print(f"left out: {', '.join(impossible)}", file=sys.stderr)
    known = [name for name in names if name not in impossible]
    both = [
        pair
        for pair in combinations(known, 2)
        if not _break_the_same(pair) and all(FAULTS[name].writes and FAULTS[name].pairs for name in pair)
    ]
    chosen = [(name,) for name in known] + random.sample(both, min(pairs, len(both)))
    random.shuffle(chosen)
    return tuple(chosen)


def _break_the_same(pair: Iterable[str]) -> bool:
    one, other = (FAULTS[name].breaks for name in pair)
    return one is not None and one == other


async def run(scene: Scene, schedule: Schedule, seed: int) -> list[Outcome]:
    """Run a schedule; print and return what came of each entry."""
    churn = Churn(scene.api, Random(seed))
    await churn.prepare()
    assert scene.guarded is not None
    tenant = Tenant(scene.api, scene.guarded, Random(seed))
    await tenant.start(scene.folder)
    outcomes = []
    try:
        for names in schedule:
            chosen = [FAULTS[name] for name in names]
            for _ in range(TRIES):
                if all(fault.writes for fault in chosen):
                    outcome = await _one(scene, churn, chosen)
                else:
                    async with tenant.still:
                        outcome = await _one(scene, churn, chosen)
                        churn.forget()
                        tenant.forget()
                if outcome.paused_s < MAX_PAUSED_S:
                    break
                print(f"\n{' + '.join(names)}: this process stood still for {outcome.paused_s:.0f} s")
                tenant.shown.clear()
            outcome.wrong += wrong_shows(tenant.shown, tenant.revoked)
            tenant.shown.clear()
            outcomes.append(outcome)
            exact, telemetry = (
                "never" if seconds is None else f"{seconds:.2f} s"
                for seconds in (outcome.exact_s, outcome.telemetry_s)
            )
            print(
                f"\n{' + '.join(names):44} exact again after {exact}, telemetry after {telemetry},"
                f" {outcome.requests} requests,"
                f" {len(outcome.failed)} failed, {len(outcome.wrong)} wrong",
                flush=True,
            )
            for line in (*outcome.failed[:3], *outcome.wrong[:3]):
                print(f"    {line}", file=sys.stderr)
    finally:
        await tenant.stop()
    return outcomes


async def _one(scene: Scene, churn: Churn, chosen: Sequence[Fault]) -> Outcome:
    outcome = Outcome(tuple(fault.name for fault in chosen))
    pauses = asyncio.create_task(_note_pauses(outcome))
    clients, watcher = Clients(scene.replicas), Watcher(scene.replicas, scene.agents.all)
    clients.start()
    watcher.start()
    writes = all(fault.writes for fault in chosen)
    hurt = {number for fault in chosen for number in fault.hurts}
    if writes:
        churn.start()
    began = ended = time.time()
    churn.forget(before=began - 60)
    try:
        await asyncio.sleep(1)
        began = ended = time.time()
        async with AsyncExitStack() as stack:
            # What needs the apiserver begins before it is broken, and ends after it is mended.
            for fault in sorted(chosen, key=lambda each: each.breaks == "control plane"):
                await stack.enter_async_context(fault.begin(scene))
            await asyncio.sleep(max(fault.seconds for fault in chosen))
            # Figures are compared to the last GPU, so nothing changes meanwhile.
            await churn.stop()
        restored = time.monotonic()
        for each in scene.replicas:
            await each.wait_ready()
        ready_s, ended = time.monotonic() - restored, time.time()
        outcome.exact_s = ready_s + max(
            await asyncio.gather(
                *(
                    agree(scene.api, each.lens, " + ".join(outcome.faults), EXACT_WITHIN_S)
                    for each in scene.replicas
                )
            )
        )
        await _streams_are_right(scene, clients, outcome)
        await watcher.stop()
        scene.agents.hold()
        await asyncio.gather(*(settle(each, scene.agents.all) for each in scene.replicas))
        outcome.telemetry_s = time.monotonic() - restored
    except (AssertionError, OSError, ApiError, aiohttp.ClientError) as error:
        outcome.wrong.append(repr(error))
    finally:
        await churn.stop()
        await clients.stop()
        await watcher.stop()
        scene.agents.go_on()
        pauses.cancel()
    outcome.requests = clients.asked
    outcome.failed = [
        f"replica {each.replica}, {each.sent - began:.1f} s after the fault began: {each.what}"
        for each in clients.failed
        # A replica that is hurt, or has just been, may fail.
        if each.replica not in hurt or each.sent > ended + 1 or each.came < began
    ]
    outcome.wrong += wrong_samples(watcher.shown, scene.agents.all)
    if writes:
        whole = [each for each in (*clients.lists, *clients.pages) if each.replica not in hurt]
        outcome.wrong += wrong_answers(whole, churn.log, max(fault.lag for fault in chosen))
    return outcome


async def _note_pauses(outcome: Outcome) -> None:
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.5)
        outcome.paused_s = max(outcome.paused_s, time.monotonic() - before - 0.5)


async def _streams_are_right(scene: Scene, clients: Clients, outcome: Outcome) -> None:
    problems: list[str] = []

    async def right() -> bool:
        pods = await scene.api.list_all(f"/api/v1/namespaces/{MARKERS}/pods")
        # Streams tell of running pods, and a kwok that was replaced runs them once old leases end.
        running = [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"]
        problems[:] = wrong_streams(clients.streams, running)
        return not problems

    try:
        await wait_until(right, "streams that add up", 20)
    except TimeoutError:
        outcome.wrong += problems


def report(path: Path, runs: dict[int, list[Outcome]]) -> bool:
    """Write and print what came of all; return whether all was good."""
    outcomes = [each for run in runs.values() for each in run]
    times = sorted(each.exact_s for each in outcomes if each.exact_s is not None)
    summary = {
        "faults": len({name for each in outcomes for name in each.faults}),
        "schedules": len(runs),
        "entries": len(outcomes),
        "requests": sum(each.requests for each in outcomes),
        "requests_failed": sum(len(each.failed) for each in outcomes),
        "wrong": sum(len(each.wrong) for each in outcomes),
        "exact_again_p95_s": round(times[int(len(times) * 0.95)], 2) if times else None,
        "exact_again_worst_s": round(times[-1], 2) if times else None,
        "telemetry_again_worst_s": max(
            (round(each.telemetry_s, 2) for each in outcomes if each.telemetry_s is not None), default=None
        ),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "summary": summary,
        "runs": {seed: [asdict(each) for each in run] for seed, run in runs.items()},
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    print("\n" + "\n".join(f"{name:22} {value}" for name, value in summary.items()))
    bad = [
        f'  make chaos ARGS="--seed {seed} {"+".join(each.faults)}"'
        for seed, run in runs.items()
        for each in run
        if not each.good
    ]
    if bad:
        print("not right; to see it again:\n" + "\n".join(bad))
    good = len(outcomes) - len(bad)
    print(f"{good} passed, {len(bad)} failed")
    return not bad
