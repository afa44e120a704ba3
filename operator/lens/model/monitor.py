"""The monitor: compares one state with the next, and keeps what is wrong and what has happened.

Only nodes, GPUs and pods that are other objects than at the last look are looked at, so a look costs what
has changed since.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from lens.model.alerts import rules
from lens.model.alerts.alert import Condition, Thresholds, shortened
from lens.model.alerts.cluster_rules import Cluster
from lens.model.alerts.gpu_rules import NodeGpu
from lens.model.alerts.tracker import AlertTracker
from lens.model.cluster_state import AlertsAndEvents, StateView
from lens.model.events import transitions
from lens.model.events.event_log import EventLog
from lens.model.events.terminations import Termination
from lens.model.events.transitions import Event, Type
from lens.model.gpu.telemetry import NO_TELEMETRY, GpuTelemetry, NodeTelemetry
from lens.model.inventory.occupancy import NodeOccupancy
from lens.model.inventory.snapshot import EMPTY

_BAD: Mapping[str, Type] = {"lost": "GpuLost", "critical": "GpuUnhealthy"}

NodeRules = Callable[[str, NodeOccupancy | None, NodeTelemetry | None, Thresholds], Iterable[Condition]]
"""What is wrong with a node, of its name, its GPUs' holders and its telemetry."""


class Monitor:
    """One cluster's. To be used by one thread at a time."""

    def __init__(
        self, limits: Thresholds, most_events: int, node_rules: NodeRules = rules.node_conditions
    ) -> None:
        """Take from when on something is worth an alert, how many events to keep, and the rules for nodes."""
        self._node_rules = node_rules
        self._failed: dict[str, Exception] = {}
        self._limits = limits
        self._tracker = AlertTracker(limits)
        self._event_log = EventLog(most_events)
        self._snapshot, self._telemetry = EMPTY, NO_TELEMETRY
        self._began: float | None = None
        self._by_node: dict[str, tuple[Condition, ...]] = {}
        self._pending: dict[str, tuple[Condition, ...]] = {}
        self._without_telemetry: set[str] = set()
        self._bad: dict[str, dict[str, Type]] = {}
        self._terminations: dict[str, Termination] = {}

    def look(
        self, current: StateView, terminations: Iterable[Termination], now: float, told: Iterable[Event] = ()
    ) -> AlertsAndEvents:
        """Return what is wrong and what has happened, as of epoch second ``now``.

        ``terminations`` are those seen since the last look, ``told`` what the apiserver's Events have told
        since then. Until the cluster has been listed there is nothing to be found, and what is found at the
        first look has not just happened. A node whose rules fail keeps its alerts, and they are evaluated
        again at the next look; ``raise_failure`` says so.
        """
        if not current.synced:
            return AlertsAndEvents()
        seen = {termination.uid: termination for termination in terminations}
        # A pod may be in the snapshot for one more look after its end was seen.
        happened = list(self._compare(current, self._terminations | seen, now))
        self._terminations = seen
        self._take_pending(current)
        self._snapshot, self._telemetry = current.snapshot, current.telemetry
        cluster = Cluster(current.snapshot, current.contacts, current.skipped, self._limits, now)
        changes = self._tracker.update(
            chain(
                chain.from_iterable(self._by_node.values()),
                chain.from_iterable(self._pending.values()),
                rules.cluster_conditions(cluster),
            ),
            self._without_telemetry,
            now,
        )
        if self._began is None:
            self._began = now
        self._event_log.add(happened)
        self._event_log.add(transitions.alert_raised(alert, now) for alert in changes.raised)
        self._event_log.add(transitions.alert_cleared(alert, now) for alert in changes.cleared)
        self._event_log.merge(told, self._began)
        return AlertsAndEvents(now, self._tracker.alerts, self._event_log.events)

    def raise_failure(self) -> None:
        """Raise the error of one node's rules, if they failed for any at the last look."""
        for error in self._failed.values():
            raise error

    def _compare(
        self, current: StateView, terminations: dict[str, Termination], now: float
    ) -> Iterator[Event]:
        """Go through what happened to nodes, and note what is wrong with those that changed."""
        nodes, told = current.snapshot.nodes, current.telemetry.nodes
        counted = set(nodes.differing(self._snapshot.nodes))
        retold = set(told.differing(self._telemetry.nodes))
        # At the first look all is new, and nothing of it has just happened.
        for name in counted if self._began is not None else ():
            yield from transitions.of_node(
                name, self._snapshot.nodes.get(name), nodes.get(name), terminations, now
            )
        for name in retold:
            yield from self._of_gpus(name, current, now)
        failed, self._failed = self._failed, {}
        for name in counted | retold | failed.keys():
            try:
                found = tuple(self._node_rules(name, nodes.get(name), told.get(name), self._limits))
            except Exception as error:
                # The node's alerts stay as they were, and the other nodes' don't suffer.
                self._failed[name] = error
                continue
            if found:
                self._by_node[name] = found
            else:
                self._by_node.pop(name, None)

    def _of_gpus(self, name: str, current: StateView, now: float) -> Iterator[Event]:
        """Go through GPUs that were lost or have recovered. One that nobody hears of is as it was."""
        told = current.telemetry.nodes.get(name)
        if told is None:
            self._without_telemetry.discard(name)
            self._bad.pop(name, None)
            return
        if told.state == "unknown":
            self._without_telemetry.add(name)
            return
        self._without_telemetry.discard(name)
        known = self._telemetry.nodes.get(name) is not None
        before = self._bad.get(name, {})
        after: dict[str, Type] = {
            NodeGpu(name, gpu).source: _BAD[gpu.health.state] for gpu in told.gpus if gpu.health.state in _BAD
        }
        for gpu in told.gpus if before or after else ():
            source = NodeGpu(name, gpu).source
            type_ = after.get(source)
            if type_ is not None and type_ != before.get(source) and known:
                yield _on_gpu(type_, source, name, gpu, now)
            elif type_ is None and source in before and gpu.health.state == "unknown":
                after[source] = before[source]
            elif type_ is None and source in before:
                yield _on_gpu("GpuRecovered", source, name, gpu, now)
        self._bad[name] = after
        if not after:
            del self._bad[name]

    def _take_pending(self, current: StateView) -> None:
        for name in current.snapshot.pending.differing(self._snapshot.pending):
            pod = current.snapshot.pending.get(name)
            found = tuple(rules.pending_conditions(pod)) if pod is not None else ()
            if found:
                self._pending[name] = found
            else:
                self._pending.pop(name, None)


def _on_gpu(type_: Type, source: str, node: str, gpu: GpuTelemetry, now: float) -> Event:
    words = {"GpuLost": "is lost", "GpuUnhealthy": "is unhealthy", "GpuRecovered": "has recovered"}
    because = f": {', '.join(gpu.health.because)}" if gpu.health.because else ""
    return Event(now, type_, source, shortened(f"GPU {gpu.index} of {node} {words[type_]}{because}"))
