"""The telemetry cache: each node's last sample, its age, and which node has which GPU.

As in the ledger of pods and nodes, the cost is that of what changed. A sample is good until it is
``stale_after`` seconds old, shown as stale until ``unknown_after``, and then no longer counts. A GPU that two
nodes claim belongs to neither: one of them is wrong, and Lens can't find out which.
"""

from collections.abc import Collection, Mapping, Set
from heapq import heappop, heappush, nsmallest
from itertools import islice
from math import inf

import msgspec

from lens.model.gpu.node_report import Health
from lens.model.gpu.telemetry import (
    NO_TELEMETRY,
    GpuTelemetry,
    NodeTelemetry,
    Source,
    State,
    Telemetry,
    TelemetryTotals,
    sums,
)

TOO_OLD = "TOO_OLD"
"""The reason of a value whose sample has aged out."""

MAX_NAMED = 4
"""GPUs, and nodes for each, that a problem names of those which claim the same."""

LONGEST_NAMED = 64
"""Characters of a uuid that a problem repeats."""

LONGEST_PROBLEM = 512

SET_BACK_SECONDS = 1.0
"""A clock that shows a time this much earlier than before was set back."""

_MEASURED = (
    "utilization_percent",
    "memory_used_bytes",
    "memory_total_bytes",
    "temperature_celsius",
    "power_watts",
)
_AGED_REASONS: Mapping[str, str] = dict.fromkeys((*_MEASURED, "shares"), TOO_OLD)
GRAVE = frozenset(("critical", "lost"))

_AGED_HEALTH = Health(state="unknown", because=(TOO_OLD,))


class TelemetryCache:
    """Nodes' telemetry in, snapshots out. One writer."""

    def __init__(self, stale_after: float, unknown_after: float) -> None:
        """Take the ages, in seconds, at which a sample turns stale and unknown."""
        self._stale_after = stale_after
        self._unknown_after = unknown_after
        self._stored: dict[str, NodeTelemetry] = {}
        self._claims: dict[str, str] = {}
        self._contested: dict[str, set[str]] = {}
        self._checks: list[tuple[float, str]] = []
        self._next_check: dict[str, float] = {}
        self._touched: set[str] = set()
        self._now = -inf
        self._snapshot = NO_TELEMETRY

    @property
    def nodes(self) -> Set[str]:
        """Return the nodes of which something is known, as they are now."""
        return frozenset(self._stored)

    def knows(self, node: str) -> bool:
        """Return whether a node has a sample that isn't too old."""
        stored = self._stored.get(node)
        return stored is not None and stored.state != "unknown"

    def put(self, node: str, telemetry: NodeTelemetry | None, now: float) -> None:
        """Replace a node's sample; None removes the node.

        The cache sets the state, whatever ``telemetry`` has.
        """
        self._follow(now)
        before = self._stored.get(node)
        if telemetry is None:
            self._stored.pop(node, None)
        else:
            telemetry = _sharing(telemetry, before)
            oldest = now - self._unknown_after
            if any(gpu.sampled_at <= oldest for gpu in telemetry.gpus):
                gpus = (_silent(gpu) if gpu.sampled_at <= oldest else gpu for gpu in telemetry.gpus)
                telemetry = msgspec.structs.replace(telemetry, gpus=tuple(gpus))
            telemetry = self._stored[node] = self._dated(telemetry, now)
            self._plan_check(node, telemetry)
        self._claim(node, _uuids(before), _uuids(telemetry))
        self._touched.add(node)

    def put_problem(self, node: str, source: Source, problem: str, now: float) -> None:
        """Store why a node can't be read. Its last sample stays, and ages."""
        before = self._stored.get(node)
        if before is None:
            before = NodeTelemetry(node=node, source=source)
        self.put(node, msgspec.structs.replace(before, problem=problem), now)

    def age(self, now: float) -> None:
        """Update the state of the nodes whose samples have become too old by ``now``."""
        self._follow(now)
        while self._checks and self._checks[0][0] <= now:
            due, node = heappop(self._checks)
            if self._next_check.get(node) != due:
                continue  # an earlier check was planned after this one
            del self._next_check[node]
            if node in self._stored:
                self.put(node, self._stored[node], now)

    def _follow(self, now: float) -> None:
        """Age samples from before the clock was set back, which would seem current otherwise.

        Their times are put back as far as the clock was, so that they are as old as they were.
        """
        back, self._now = self._now - now, now
        if back < SET_BACK_SECONDS:
            return
        for node, stored in self._stored.items():
            if stored.sampled_at is not None:
                self._stored[node] = _earlier(stored, stored.sampled_at - back, back)
                self._touched.add(node)
        self._checks = [(due - back, node) for due, node in self._checks]
        self._next_check = {node: due - back for node, due in self._next_check.items()}

    def contested(self, node: str) -> list[str]:
        """Return the uuids of a node's GPUs that another node claims too."""
        if not self._contested:
            return []
        return [uuid for uuid in _uuids(self._stored.get(node)) if uuid in self._contested]

    @property
    def is_behind(self) -> bool:
        """Return whether the last snapshot lacks a change."""
        return bool(self._touched)

    def snapshot(self, most: int | None = None) -> Telemetry:
        """Return the present snapshot: the same object as before when nothing has changed.

        It takes in at most ``most`` of the changed nodes.
        """
        last = self._snapshot
        changes: dict[str, NodeTelemetry | None] = {}
        total = last.sums
        updated = set(islice(self._touched, most))
        for name in updated:
            before = last.nodes.get(name)
            stored = self._stored.get(name)
            after = None if stored is None else self._shown(stored)
            if after != before:
                changes[name] = after
                total += (sums(after) if after else TelemetryTotals()) - (
                    sums(before) if before else TelemetryTotals()
                )
        self._touched -= updated
        if changes:
            self._snapshot = Telemetry(last.sequence + 1, total, last.nodes.updated(changes))
        return self._snapshot

    def _state(self, sampled_at: float | None, now: float) -> State:
        if sampled_at is None or now >= sampled_at + self._unknown_after:
            return "unknown"
        return "stale" if now >= sampled_at + self._stale_after else "ok"

    def _dated(self, telemetry: NodeTelemetry, now: float) -> NodeTelemetry:
        state = self._state(telemetry.sampled_at, now)
        if state == "unknown":
            gpus = tuple(_aged(gpu) for gpu in telemetry.gpus)
            return msgspec.structs.replace(telemetry, state=state, gpus=gpus, holders=None, claimed=None)
        return telemetry if state == telemetry.state else msgspec.structs.replace(telemetry, state=state)

    def _plan_check(self, node: str, telemetry: NodeTelemetry) -> None:
        """Have ``age`` check a node when its state can change next: one check for each node."""
        if telemetry.sampled_at is None or telemetry.state == "unknown":
            return
        after = self._stale_after if telemetry.state == "ok" else self._unknown_after
        due = telemetry.sampled_at + after
        planned = self._next_check.get(node)
        # A check that is too early plans the next one, so a renewed sample costs none.
        if planned is None or due < planned:
            self._next_check[node] = due
            heappush(self._checks, (due, node))

    def _claim(self, node: str, before: frozenset[str], after: frozenset[str]) -> None:
        for uuid in before - after:
            rivals = self._contested.get(uuid)
            if rivals is None:
                del self._claims[uuid]
                continue
            rivals.discard(node)
            self._touched |= rivals
            if len(rivals) == 1:
                del self._contested[uuid]
                self._claims[uuid] = rivals.pop()
        for uuid in after - before:
            rivals = self._contested.get(uuid)
            if rivals is None:
                owner = self._claims.setdefault(uuid, node)
                if owner == node:
                    continue
                rivals = self._contested[uuid] = {owner}
            rivals.add(node)
            self._touched |= rivals

    def _shown(self, stored: NodeTelemetry) -> NodeTelemetry:
        """Return a node without the GPUs that others claim too."""
        contested = self.contested(stored.node)
        if not contested:
            return stored
        holders = stored.holders
        return msgspec.structs.replace(
            stored,
            gpus=tuple(gpu for gpu in stored.gpus if gpu.uuid not in self._contested),
            holders=holders and tuple(each for each in holders if each.gpu_uuid not in self._contested),
            problem="; ".join((*filter(None, [stored.problem]), *self._disputes(stored.node, contested)))[
                :LONGEST_PROBLEM
            ],
        )

    def _disputes(self, node: str, contested: list[str]) -> list[str]:
        disputes = [
            f"{uuid[:LONGEST_NAMED]} is claimed by {_named(self._contested[uuid] - {node})} too"
            for uuid in nsmallest(MAX_NAMED, contested)
        ]
        more = len(contested) - len(disputes)
        return [*disputes, f"{more} more GPUs are claimed by others too"] if more else disputes


def _earlier(telemetry: NodeTelemetry, sampled_at: float, back: float) -> NodeTelemetry:
    """Return a node whose GPUs were sampled ``back`` seconds earlier, and itself at ``sampled_at``."""
    gpus = (msgspec.structs.replace(gpu, sampled_at=gpu.sampled_at - back) for gpu in telemetry.gpus)
    return msgspec.structs.replace(telemetry, sampled_at=sampled_at, gpus=tuple(gpus))


def _named(nodes: Collection[str]) -> str:
    named = nsmallest(MAX_NAMED, nodes)
    more = len(nodes) - len(named)
    return " and ".join([*named, f"{more} more nodes"] if more else named)


def _uuids(telemetry: NodeTelemetry | None) -> frozenset[str]:
    """Return the GPUs that a node claims; a node whose sample is too old claims none."""
    if telemetry is None or telemetry.state == "unknown":
        return frozenset()
    return frozenset(gpu.uuid for gpu in telemetry.gpus if gpu.uuid is not None)


def _silent(gpu: GpuTelemetry) -> GpuTelemetry:
    """Return a GPU without a new sample, of which the agent still reports the health.

    That it is lost or needs to be recovered is current, and remains.
    """
    aged = _aged(gpu)
    return msgspec.structs.replace(aged, health=gpu.health) if gpu.health.state in GRAVE else aged


def _aged(gpu: GpuTelemetry) -> GpuTelemetry:
    """Return the values of a GPU that stay valid when its sample is too old."""
    return GpuTelemetry(
        index=gpu.index,
        uuid=gpu.uuid,
        sampled_at=gpu.sampled_at,
        health=_AGED_HEALTH,
        product=gpu.product,
        reasons=_AGED_REASONS,
    )


def _sharing(telemetry: NodeTelemetry, before: NodeTelemetry | None) -> NodeTelemetry:
    """Return telemetry that has the same objects as that before, where they are equal.

    Who holds what changes seldom, and is half of a node's telemetry, of which readers keep several.
    """
    if before is None:
        return telemetry
    return msgspec.structs.replace(
        telemetry,
        holders=before.holders if before.holders == telemetry.holders else telemetry.holders,
        claimed=before.claimed if before.claimed == telemetry.claimed else telemetry.claimed,
    )
