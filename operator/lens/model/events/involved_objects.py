"""Selects the apiserver's Events of GPU pods and GPU nodes.

The request of a pod that is gone is unknown. For pods that were gone before Lens' start, the Events of a list
show which were on GPU nodes; Lens reports those that were evicted or preempted.
"""

from collections.abc import Callable, Iterable, Iterator

from lens.model.backlog import Backlog, size_of
from lens.model.events.event_log import ENDS
from lens.model.events.kube_events import KubeEvent
from lens.model.events.transitions import Event
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.snapshot import EMPTY, Snapshot

MAX_GONE = 20_000
"""The latest pods that Lens has seen end."""

MAX_UNKNOWN = 20_000
"""The most unknown pods of a list, and the most Events that wait for their pod to become known."""

MAX_BYTES = 16 * 2**20
"""The size of each of these two: anybody may write Events of objects that don't exist."""

UNKNOWN_SECONDS = 5.0
"""How long after its Event a pod may become known."""

_UID_BYTES = 1024
"""The size of a uid of up to 253 characters in a set."""

EXPIRY_SECONDS = 3600.0
"""How long the apiserver keeps an Event (kube-apiserver, --event-ttl)."""


class EventFilter:
    """Know the GPU pods and GPU nodes, and pass on their Events."""

    def __init__(self, dropped: Callable[[], object] = lambda: None) -> None:
        """Start without pods and nodes. ``dropped`` is called for each Event beyond a bound."""
        self._dropped = dropped
        self._snapshot = EMPTY
        self._pods: dict[str, Pod] = {}
        self._gone: dict[str, None] = {}
        self._on_gpu_nodes: set[str] = set()
        self._ended: dict[str, KubeEvent] = {}
        self._listed_bytes = 0
        self._waiting: Backlog[tuple[float, KubeEvent]] = Backlog(MAX_UNKNOWN, MAX_BYTES, dropped)

    def update(self, snapshot: Snapshot) -> None:
        """Set the current pods and nodes. The cost depends on the changes since the last call."""
        before, self._snapshot = self._snapshot, snapshot
        if snapshot is before:
            return
        nodes = list(snapshot.nodes.differing(before.nodes))
        waiting = list(snapshot.pending.differing(before.pending))
        after = {pod.uid: pod for pod in snapshot.pods_at(nodes, waiting)}
        for pod in before.pods_at(nodes, waiting):
            if pod.uid not in after and self._pods.pop(pod.uid, None) is not None:
                self._gone[pod.uid] = None
        self._pods |= after
        while len(self._gone) > MAX_GONE:
            del self._gone[next(iter(self._gone))]

    def listed(self, events: Iterable[KubeEvent], now: float) -> Iterator[Event]:
        """Yield the relevant events of a part of a list, and remember those that its end decides.

        An event of just now waits for its pod as one of a watch does: a list may be ahead of the pods' watch.
        """
        for event in events:
            if self._is_known(event):
                yield from self._relevant(event)
            elif event.kind == "Pod" and event.uid not in self._gone:
                self._remember(event)
                if now - event.at < UNKNOWN_SECONDS:
                    self._waiting.add((now, event), size_of(event))

    def _remember(self, event: KubeEvent) -> None:
        """Keep what is needed at the list's end, within the bounds."""
        is_placed = event.node in self._snapshot.nodes and event.uid not in self._on_gpu_nodes
        has_ended = event.type in ENDS
        before = self._ended.get(event.uid) if has_ended else None
        size = is_placed * _UID_BYTES + has_ended * size_of(event) - (size_of(before) if before else 0)
        if not (is_placed or has_ended):
            return
        is_full = len(self._on_gpu_nodes) >= MAX_UNKNOWN or len(self._ended) >= MAX_UNKNOWN
        if is_full or self._listed_bytes + size > MAX_BYTES:
            self._dropped()
            return
        self._listed_bytes += size
        if is_placed:
            self._on_gpu_nodes.add(event.uid)
        if has_ended:
            self._ended[event.uid] = event

    def list_ended(self) -> Iterator[Event]:
        """Yield the ends of pods that were gone before, after the last part of a list."""
        for uid, event in self._ended.items():
            if uid in self._on_gpu_nodes:
                yield _event(event, f"{event.namespace}/{event.name}")
        self.forget_list()

    def forget_list(self) -> None:
        """Forget what was remembered of a list."""
        self._on_gpu_nodes.clear()
        self._ended.clear()
        self._listed_bytes = 0

    @property
    def is_waiting(self) -> bool:
        """Return whether Events wait for their pods to become known."""
        return len(self._waiting) > 0

    def watched(self, events: Iterable[KubeEvent], now: float) -> Iterator[Event]:
        """Yield the relevant events of a watch, and those that waited for their pods."""
        waiting = [(since, each) for since, each in self._waiting.take() if now - since < UNKNOWN_SECONDS]
        for since, event in (*waiting, *((now, each) for each in events)):
            if self._is_known(event):
                yield from self._relevant(event)
            elif event.kind == "Pod" and event.uid not in self._gone:
                self._waiting.add((since, event), size_of(event))

    def _is_known(self, event: KubeEvent) -> bool:
        if event.kind == "Node":
            occupied = self._snapshot.nodes.get(event.name)
            return occupied is not None and occupied.node is not None
        return event.uid in self._pods

    def _relevant(self, event: KubeEvent) -> Iterator[Event]:
        if event.type is None:
            return
        if event.kind == "Node":
            yield _event(event, event.name)
            return
        pod = self._pods[event.uid]
        # Anybody who may create Events in a namespace may write any uid.
        if pod.path != f"{event.namespace}/{event.name}":
            return
        # Lens will see itself how an existing pod ends.
        if event.type in ENDS:
            return
        # A container that restarts after the Event of its first start has expired is no new task.
        started = pod.started_at
        if event.type == "TaskStarted" and (started is None or event.at - started >= EXPIRY_SECONDS):
            return
        yield _event(event, pod.path)


def _event(event: KubeEvent, path: str) -> Event:
    assert event.type is not None
    return Event(
        at=event.at,
        type=event.type,
        object=f"{event.kind}/{path}",
        message=event.message,
        namespace=event.namespace or None,
        source=event.source,
        reason=event.reason,
    )
