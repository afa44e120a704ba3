"""The monitor: compares each state with the one before, and keeps the alerts and the events.

Only nodes, GPUs and pods that are other objects than in the last evaluation are evaluated, so the cost
depends on the changes and not on the cluster's size.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from lens.model.alerts import rules
from lens.model.alerts.alert import Condition, Thresholds, shortened
from lens.model.alerts.cluster_rules import Cluster
from lens.model.alerts.gpu_rules import NodeGpu
from lens.model.alerts.pod_rules import gpus_idle, idle_id
from lens.model.alerts.tracker import AlertTracker
from lens.model.cluster_state import AlertsAndEvents, StateView
from lens.model.events import transitions
from lens.model.events.event_log import EventLog
from lens.model.events.terminations import Termination
from lens.model.events.transitions import Event, Type
from lens.model.gpu.telemetry import NO_TELEMETRY, GpuTelemetry, NodeTelemetry
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.snapshot import EMPTY

_BAD: Mapping[str, Type] = {"lost": "GpuLost", "critical": "GpuUnhealthy"}

NodeRules = Callable[[str, NodeOccupancy | None, NodeTelemetry | None, Thresholds], Iterable[Condition]]
"""Returns the conditions of a node, from its name, its occupancy, its telemetry and the thresholds."""


class Monitor:
    """The monitor of one cluster. For use by one thread at a time."""

    def __init__(
        self, thresholds: Thresholds, max_events: int, node_rules: NodeRules = rules.node_conditions
    ) -> None:
        """Take the alerts' thresholds, the number of events to keep, and the rules for nodes."""
        self._node_rules = node_rules
        self._failed: dict[str, Exception] = {}
        self._thresholds = thresholds
        self._tracker = AlertTracker(thresholds)
        self._event_log = EventLog(max_events)
        self._snapshot, self._telemetry = EMPTY, NO_TELEMETRY
        self._started_at: float | None = None
        self._by_node: dict[str, tuple[Condition, ...]] = {}
        self._pending: dict[str, tuple[Condition, ...]] = {}
        self._without_telemetry: set[str] = set()
        self._bad: dict[str, dict[str, Type]] = {}
        self._terminations: dict[str, Termination] = {}

    def evaluate(
        self,
        current: StateView,
        terminations: Iterable[Termination],
        now: float,
        kube_events: Iterable[Event] = (),
    ) -> AlertsAndEvents:
        """Return the alerts and the events as of epoch second ``now``.

        ``terminations`` and ``kube_events`` (the apiserver's) are those since the last evaluation. Before the
        cluster has been listed there are none. The first evaluation makes no events of what it finds, since
        that has not just happened. A node whose rules fail keeps its alerts, and its rules run again in the
        next evaluation; ``raise_failure`` raises the error.
        """
        if not current.synced:
            return AlertsAndEvents()
        recent = {termination.uid: termination for termination in terminations}
        # A pod may stay in the snapshot for one more evaluation after its termination.
        happened = list(self._compare(current, self._terminations | recent, now))
        self._terminations = recent
        self._update_pending(current)
        self._snapshot, self._telemetry = current.snapshot, current.telemetry
        cluster = Cluster(current.snapshot, current.contacts, current.skipped, self._thresholds, now)
        changes = self._tracker.update(
            chain(
                chain.from_iterable(self._by_node.values()),
                chain.from_iterable(self._pending.values()),
                rules.cluster_conditions(cluster),
            ),
            self._is_unknown,
            now,
        )
        if self._started_at is None:
            self._started_at = now
        self._event_log.add(happened)
        self._event_log.add(transitions.alert_raised(alert, now) for alert in changes.raised)
        self._event_log.add(transitions.alert_cleared(alert, now) for alert in changes.cleared)
        self._event_log.merge(kube_events, self._started_at)
        idle_since = self._tracker.since(gpus_idle.type)
        return AlertsAndEvents(now, self._tracker.alerts, self._event_log.events, idle_since)

    def raise_failure(self) -> None:
        """Raise the error of one node's rules, if any failed in the last evaluation."""
        for error in self._failed.values():
            raise error

    def _compare(
        self, current: StateView, terminations: dict[str, Termination], now: float
    ) -> Iterator[Event]:
        """Yield the events of all nodes, and update the conditions of those that changed."""
        nodes, telemetry = current.snapshot.nodes, current.telemetry.nodes
        changed = set(nodes.differing(self._snapshot.nodes))
        reported = set(telemetry.differing(self._telemetry.nodes))
        # In the first evaluation everything is new, and nothing has just happened.
        for name in changed if self._started_at is not None else ():
            yield from transitions.node_events(
                name, self._snapshot.nodes.get(name), nodes.get(name), terminations, now
            )
        for name in reported:
            yield from self._gpu_events(name, current, now)
        failed, self._failed = self._failed, {}
        for name in changed | reported | failed.keys():
            try:
                found = tuple(self._node_rules(name, nodes.get(name), telemetry.get(name), self._thresholds))
            except Exception as error:
                # This node's alerts stay as they were, and the other nodes are evaluated.
                self._failed[name] = error
                continue
            if found:
                self._by_node[name] = found
            else:
                self._by_node.pop(name, None)

    def _gpu_events(self, name: str, current: StateView, now: float) -> Iterator[Event]:
        """Yield the events of a node's lost, unhealthy and recovered GPUs; none without telemetry."""
        telemetry = current.telemetry.nodes.get(name)
        if telemetry is None:
            self._without_telemetry.discard(name)
            self._bad.pop(name, None)
            return
        if telemetry.state == "unknown":
            self._without_telemetry.add(name)
            return
        self._without_telemetry.discard(name)
        known = self._telemetry.nodes.get(name) is not None
        before = self._bad.get(name, {})
        after: dict[str, Type] = {
            NodeGpu(name, gpu).source: _BAD[gpu.health.state]
            for gpu in telemetry.gpus
            if gpu.health.state in _BAD
        }
        for gpu in telemetry.gpus if before or after else ():
            source = NodeGpu(name, gpu).source
            type_ = after.get(source)
            if type_ is not None and type_ != before.get(source) and known:
                yield _gpu_event(type_, source, name, gpu, now)
            elif type_ is None and source in before and gpu.health.state == "unknown":
                after[source] = before[source]
            elif type_ is None and source in before:
                yield _gpu_event("GpuRecovered", source, name, gpu, now)
        self._bad[name] = after
        if not after:
            del self._bad[name]

    def _is_unknown(self, condition: Condition) -> bool:
        """Return whether an absent condition may still last, since its node has no telemetry now.

        A pod's condition ends with the pod.
        """
        node = condition.telemetry_node
        if node is None or node not in self._without_telemetry:
            return False
        if condition.about.pod is None:
            return True
        occupancy = self._snapshot.nodes.get(node)
        return occupancy is not None and any(
            pod.is_running and idle_id(pod) == condition.id for pod in occupancy.pods
        )

    def _update_pending(self, current: StateView) -> None:
        for name in current.snapshot.pending.differing(self._snapshot.pending):
            pod = current.snapshot.pending.get(name)
            found = tuple(rules.pending_conditions(pod)) if pod is not None else ()
            if found:
                self._pending[name] = found
            else:
                self._pending.pop(name, None)


def _gpu_event(type_: Type, source: str, node: str, gpu: GpuTelemetry, now: float) -> Event:
    words = {"GpuLost": "is lost", "GpuUnhealthy": "is unhealthy", "GpuRecovered": "has recovered"}
    because = f": {', '.join(gpu.health.because)}" if gpu.health.because else ""
    return Event(now, type_, source, shortened(f"GPU {gpu.index} of {node} {words[type_]}{because}"))
