"""The Events that a simulated cluster's parts record, as client-go's recorders write them.

The scheduler's are of the newer kind, with `eventTime` and `series`; the kubelets' and the controllers' have
`firstTimestamp`, `lastTimestamp` and `count`. What happens again is another count and no other Event.
"""

import uuid
from datetime import datetime, timedelta
from functools import partial

from lens_sim.cluster.agenda import Agenda
from lens_sim.cluster.nodes import Node
from lens_sim.cluster.pods import Pod
from lens_sim.objects.resources import EVENTS, PODS, Object
from lens_sim.objects.store import Store
from lens_sim.objects.timestamps import rfc3339

_TTL = timedelta(hours=1)  # kube-apiserver, --event-ttl
_MAIN = {"fieldPath": "spec.containers{main}"}


class Recorder:
    """Writes Events into `store`, and deletes each an hour after it was last written."""

    def __init__(self, store: Store, agenda: Agenda) -> None:
        self._store = store
        self._agenda = agenda
        self._written: dict[str, datetime] = {}

    def scheduled(self, pod: Pod, node: Node, at: datetime) -> None:
        """Record that a pod was bound."""
        self._by_scheduler(pod, "Normal", "Scheduled", f"Successfully assigned {pod.key} to {node.name}", at)

    def refused(self, pod: Pod, at: datetime) -> None:
        """Record that a pod could not be scheduled."""
        self._by_scheduler(pod, "Warning", "FailedScheduling", pod.refusal, at)

    def started(self, pod: Pod, node: Node, at: datetime) -> None:
        """Record that a pod's container was started."""
        kubelet = {"component": "kubelet", "host": node.name}
        self._old(self._pod(pod) | _MAIN, "Normal", "Started", "Started container main", kubelet, at)

    def killing(self, pod: Pod, node: Node, at: datetime) -> None:
        """Record that a pod's container is stopped for good."""
        kubelet = {"component": "kubelet", "host": node.name}
        self._old(self._pod(pod) | _MAIN, "Normal", "Killing", "Stopping container main", kubelet, at)

    def node_not_ready(self, pod: Pod, at: datetime) -> None:
        """Record at a pod that its node is not ready."""
        controller = {"component": "node-controller"}
        self._old(self._pod(pod), "Warning", "NodeNotReady", "Node is not ready", controller, at)

    def node(self, node: Node, reason: str, component: str, at: datetime) -> None:
        """Record a node's new status by its reason, such as `NodeReady`."""
        host = {"host": node.name} if component == "kubelet" else {}
        regarding = {"kind": "Node", "name": node.name, "uid": node.name}
        message = f"Node {node.name} status is now: {reason}"
        self._old(regarding, "Normal", reason, message, {"component": component, **host}, at)

    def _pod(self, pod: Pod) -> Object:
        stored = self._store.get(PODS, pod.key)
        assert stored is not None, pod.key
        return {
            "kind": "Pod",
            "apiVersion": "v1",
            "namespace": pod.namespace,
            "name": pod.name,
            "uid": stored["metadata"]["uid"],
        }

    def _by_scheduler(self, pod: Pod, kind: str, reason: str, message: str, at: datetime) -> None:
        event = self._event(self._pod(pod), kind, reason, message)
        moment = f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"
        before = self._store.get(EVENTS, EVENTS.key_of(event))
        if before is None:
            event |= {"eventTime": moment}
        else:
            count = before.get("series", {"count": 1})["count"] + 1
            event |= {
                "eventTime": before["eventTime"],
                "series": {"count": count, "lastObservedTime": moment},
            }
        event |= {
            "reportingComponent": "default-scheduler",
            "reportingInstance": "default-scheduler-0",
            "action": "Binding" if reason == "Scheduled" else "Scheduling",
            "source": {},
            "firstTimestamp": None,
            "lastTimestamp": None,
        }
        self._write(event, at)

    def _old(
        self, regarding: Object, kind: str, reason: str, message: str, source: Object, at: datetime
    ) -> None:
        event = self._event(regarding, kind, reason, message)
        before = self._store.get(EVENTS, EVENTS.key_of(event))
        event |= {
            "source": source,
            "firstTimestamp": rfc3339(at) if before is None else before["firstTimestamp"],
            "lastTimestamp": rfc3339(at),
            "count": 1 if before is None else before["count"] + 1,
            "eventTime": None,
            "reportingComponent": source["component"],
            "reportingInstance": source.get("host", ""),
        }
        self._write(event, at)

    def _event(self, regarding: Object, kind: str, reason: str, message: str) -> Object:
        """Return the fields of all Events. An Event that repeats has the same name."""
        uid = uuid.uuid5(uuid.NAMESPACE_URL, f"{regarding['uid']}/{reason}/{message}")
        metadata = {
            "namespace": regarding.get("namespace", "default"),
            "name": f"{regarding['name']}.{uid.hex[:16]}",
            "uid": str(uid),
        }
        return {
            "metadata": metadata,
            "involvedObject": regarding,
            "type": kind,
            "reason": reason,
            "message": message,
        }

    def _write(self, event: Object, at: datetime) -> None:
        key = EVENTS.key_of(event)
        self._store.put(EVENTS, event, at)
        self._written[key] = at
        self._agenda.after(at, _TTL.total_seconds(), partial(self._expire, key))

    def _expire(self, key: str, at: datetime) -> None:
        if key in self._written and at - self._written[key] >= _TTL:
            del self._written[key]
            self._store.delete(EVENTS, key)
