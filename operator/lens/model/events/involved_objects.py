"""Which of the apiserver's Events are told: those that regard pods with GPUs and nodes with GPUs.

What a pod asked for can't be known any more once it is gone. Of those that were gone before Lens began, the
Events of a list say which were on nodes with GPUs; that they were evicted or preempted is told.
"""

from collections.abc import Callable, Iterable, Iterator

from lens.model.backlog import Backlog, size_of
from lens.model.events.event_log import ENDS
from lens.model.events.kube_events import KubeEvent
from lens.model.events.transitions import Event
from lens.model.inventory.pod import Pod
from lens.model.inventory.snapshot import EMPTY, Snapshot

MOST_GONE = 20_000
"""Pods whose ends Lens has seen and told; the latest."""

MOST_STRANGERS = 20_000
"""Pods of a list that aren't known, and Events that wait for their pod to be."""

MOST_BYTES = 16 * 2**20
"""What is noted of a list takes no more, and what waits: anybody may write Events of what doesn't exist."""

UNKNOWN_SECONDS = 5.0
"""How long after an Event of a pod the pod itself may become known."""

_UID_BYTES = 1024
"""A uid of 253 characters at most, and its place in a set."""

EXPIRY_SECONDS = 3600.0
"""Until the apiserver forgets an Event (kube-apiserver, --event-ttl)."""


class EventFilter:
    """Knows the pods and nodes that Events may regard, and passes on what is told of these."""

    def __init__(self, dropped: Callable[[], object] = lambda: None) -> None:
        """Start with nothing known. ``dropped`` is called for each Event that there is no room for."""
        self._dropped = dropped
        self._snapshot = EMPTY
        self._pods: dict[str, Pod] = {}
        self._gone: dict[str, None] = {}
        self._placed: set[str] = set()
        self._ended: dict[str, KubeEvent] = {}
        self._noted_bytes = 0
        self._waiting: Backlog[tuple[float, KubeEvent]] = Backlog(MOST_STRANGERS, MOST_BYTES, dropped)

    def update(self, snapshot: Snapshot) -> None:
        """Take the pods and nodes of the moment, in time that grows with what has changed."""
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
        while len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def listed(self, events: Iterable[KubeEvent]) -> Iterator[Event]:
        """Go through a part of a list, and note what may be told at its end."""
        for event in events:
            if self._is_known(event):
                yield from self._told(event)
            elif event.kind == "Pod" and event.uid not in self._gone:
                self._note(event)

    def _note(self, event: KubeEvent) -> None:
        """Keep what may be told at the list's end, as far as there is room."""
        is_placed = event.node in self._snapshot.nodes and event.uid not in self._placed
        has_ended = event.type in ENDS
        before = self._ended.get(event.uid) if has_ended else None
        size = is_placed * _UID_BYTES + has_ended * size_of(event) - (size_of(before) if before else 0)
        if not (is_placed or has_ended):
            return
        is_many = len(self._placed) >= MOST_STRANGERS or len(self._ended) >= MOST_STRANGERS
        if is_many or self._noted_bytes + size > MOST_BYTES:
            self._dropped()
            return
        self._noted_bytes += size
        if is_placed:
            self._placed.add(event.uid)
        if has_ended:
            self._ended[event.uid] = event

    def list_ended(self) -> Iterator[Event]:
        """Go through what is told of pods that were gone before, once a list has been read to its end."""
        for uid, event in self._ended.items():
            if uid in self._placed:
                yield _event(event, f"{event.namespace}/{event.name}")
        self.forget_list()

    def forget_list(self) -> None:
        """Drop what was noted of a list."""
        self._placed.clear()
        self._ended.clear()
        self._noted_bytes = 0

    @property
    def is_waiting(self) -> bool:
        """Tell whether there are Events of pods that may yet become known."""
        return len(self._waiting) > 0

    def watched(self, events: Iterable[KubeEvent], now: float) -> Iterator[Event]:
        """Go through what has just come by a watch, and what had come before its pod was known."""
        again = [(since, each) for since, each in self._waiting.take() if now - since < UNKNOWN_SECONDS]
        for since, event in (*again, *((now, each) for each in events)):
            if self._is_known(event):
                yield from self._told(event)
            elif event.kind == "Pod" and event.uid not in self._gone:
                self._waiting.add((since, event), size_of(event))

    def _is_known(self, event: KubeEvent) -> bool:
        if event.kind == "Node":
            occupied = self._snapshot.nodes.get(event.name)
            return occupied is not None and occupied.node is not None
        return event.uid in self._pods

    def _told(self, event: KubeEvent) -> Iterator[Event]:
        if event.type is None:
            return
        if event.kind == "Node":
            yield _event(event, event.name)
            return
        pod = self._pods[event.uid]
        # Whoever may write Events into a namespace may name any uid.
        if pod.path != f"{event.namespace}/{event.name}":
            return
        # How a pod ends that is still there Lens will see itself.
        if event.type in ENDS:
            return
        # A container that starts anew when the Event of its first start has expired is no task that starts.
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
