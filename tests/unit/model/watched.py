"""A cluster that a monitor looks at, moment by moment."""

from lens.model.alerts.alert import Alert, Thresholds
from lens.model.cluster_state import AlertsAndEvents, StateView
from lens.model.events.terminations import Termination
from lens.model.events.transitions import Event
from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from lens.model.inventory.ledger import Ledger
from lens.model.k8s.taints import TaintPolicy
from lens.model.monitor import Monitor
from tests.unit.model import dra_manifests
from tests.unit.model.manifests import Object, read_node, read_pod

AT_ONCE = Thresholds(
    for_seconds=0,
    clear_seconds=0,
    idle_seconds=0,
    throttled_seconds=0,
    pending_seconds=0,
    not_ready_seconds=0,
    cordoned_seconds=0,
    agent_seconds=0,
    watch_age_seconds=60,
)
START = 1766158200.0


class Watched:
    """Objects that are stored as Lens stores them, and what the monitor finds."""

    def __init__(self, limits: Thresholds = AT_ONCE, most_events: int = 100) -> None:
        """Start with an empty cluster at START."""
        self.now = START
        self.contact: float | None = None
        self.skipped: dict[str, int] = {}
        self._ledger = Ledger(TaintPolicy())
        self._telemetry = TelemetryCache(stale_after=30, unknown_after=60)
        self._monitor = Monitor(limits, most_events)

    def put(self, *objects: Object) -> None:
        """Create or replace objects."""
        for raw in objects:
            if raw["kind"] == "Pod":
                pod = read_pod(raw)
                assert pod.problem is None, pod.problem
                self._ledger.put_pod(pod.key, pod.value)
            elif raw["apiVersion"].startswith("resource.k8s.io/"):
                dra_manifests.put(self._ledger, raw)
            else:
                node = read_node(raw)
                assert node.problem is None, node.problem
                self._ledger.put_node(node.key, node.value)

    def delete(self, raw: Object) -> None:
        """Delete an object."""
        if raw["kind"] == "Pod":
            self._ledger.put_pod(read_pod(raw).key, None)
        else:
            self._ledger.put_node(read_node(raw).key, None)

    def tell(self, node: str, *gpus: GpuTelemetry, holders: tuple[Holder, ...] = (), in_all: int = 8) -> None:
        """Let a node's agent tell of its GPUs, just now: of these, and of others that are well."""
        others = sorted({*range(in_all)} - {gpu.index for gpu in gpus})[: max(0, in_all - len(gpus))]
        all_gpus = (*gpus, *map(self.gpu, others))
        told = NodeTelemetry(node, "agent", sampled_at=self.now, gpus=all_gpus, holders=holders)
        self._telemetry.put(node, told, self.now)

    def tell_stale(self, node: str) -> None:
        """Let a node's agent not be read since long ago."""
        told = NodeTelemetry(node, "agent", sampled_at=None, gpus=(), state="unknown")
        self._telemetry.put(node, told, self.now - 1000)

    def gpu(self, index: int = 0, state: str = "ok", *because: str, **fields: object) -> GpuTelemetry:
        """Return a GPU as it is now."""
        health = Health(state=state, because=because)  # type: ignore[arg-type]
        return GpuTelemetry(index, f"GPU-{index}", self.now, health, **fields)  # type: ignore[arg-type]

    def look(self, *terminations: Termination, after: float = 1.0, synced: bool = True) -> AlertsAndEvents:
        """Let so many seconds pass, then look."""
        self.now += after
        self._telemetry.age(self.now)
        contact = self.now if self.contact is None else self.contact
        current = StateView(
            snapshot=self._ledger.snapshot(),
            synced=synced,
            contacts={"pods": contact, "nodes": self.now},
            telemetry=self._telemetry.snapshot(),
            skipped=self.skipped,
        )
        return self._monitor.evaluate(current, terminations, self.now)

    def alerts(self, *, after: float = 1.0) -> dict[str, Alert]:
        """Look, and return the alerts by type; of one type there is one at most."""
        alerts = self.look(after=after).alerts
        by_type = {alert.type: alert for alert in alerts}
        assert len(by_type) == len(alerts)
        return by_type

    def events(self, *terminations: Termination, after: float = 1.0) -> list[Event]:
        """Look, and return what has happened but for alerts, oldest first."""
        events = self.look(*terminations, after=after).events
        return [event for event in reversed(events) if not event.type.startswith("Alert")]
