"""Decodes the apiserver's Events (core/v1 Event; events.k8s.io/v1 has the same objects).

Anybody who may create Events in a namespace can write any text into those of its pods. So texts are bounded,
and control characters are removed. An Event that can't be decoded is left out.

Reasons: pkg/kubelet/events, pkg/controller/nodelifecycle, pkg/controller/tainteviction and pkg/scheduler of
Kubernetes 1.37.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

from lens.model.events.transitions import OWN, Type
from lens.model.k8s import timestamps
from lens.model.k8s.bounds import LONGEST_MESSAGE, LONGEST_NAME, LONGEST_WORD
from lens.model.k8s.objects import Manifest, ObjectMeta

SKEW_SECONDS = 60.0
"""How far another clock may be ahead. A later time is ignored."""

Kind = Literal["Pod", "Node"]

_TYPES: Mapping[tuple[str, str], Type] = {
    ("Pod", "Started"): "TaskStarted",
    ("Pod", "Preempted"): "TaskPreempted",
    ("Pod", "Preempting"): "TaskPreempted",
    ("Pod", "Evicted"): "TaskEvicted",
    ("Pod", "TaintManagerEviction"): "TaskEvicted",
    ("Node", "NodeReady"): "NodeReady",
    ("Node", "NodeNotReady"): "NodeNotReady",
    ("Node", "NodeSchedulable"): "NodeUncordoned",
    ("Node", "NodeNotSchedulable"): "NodeCordoned",
}
"""The reasons that have a type of Lens' own."""

# Every pod of a node that is not ready has this Event, in addition to the node's own.
_ECHOES = frozenset({("Pod", "NodeNotReady")})
_ON_NODE = re.compile(r"(?:Successfully assigned \S+ to|Preempted by .* on node) (?P<node>\S+)")
_DEFAULT_NAMESPACE = "default"


class _Reference(Manifest):
    kind: str = ""
    namespace: str | None = None
    name: str = ""
    uid: str | None = None
    field_path: str | None = None


class _Source(Manifest):
    component: str | None = None
    host: str | None = None


class _Series(Manifest):
    last_observed_time: str | None = None


class _Event(Manifest):
    metadata: ObjectMeta
    involved_object: _Reference
    type: str | None = None
    reason: str | None = None
    message: str | None = None
    source: _Source | None = None
    reporting_component: str | None = None
    reporting_instance: str | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: _Series | None = None


class _Line(msgspec.Struct):
    type: str
    object: _Event


class KubeEvent(msgspec.Struct, frozen=True, gc=False):
    """Something that happened to a pod or a node at epoch second ``at``, reported by ``source``.

    ``type`` is None for an Event that only shows where a pod is. ``node`` is the pod's node, if the Event has
    it.
    """

    at: float
    type: Type | None
    kind: Kind
    namespace: str
    name: str
    uid: str
    reason: str
    message: str
    source: str
    node: str | None


_decode = msgspec.json.Decoder(_Event).decode
_decode_line = msgspec.json.Decoder(_Line).decode


def read_event(document: msgspec.Raw | bytes, now: float) -> KubeEvent | None:
    """Return an Event; None if it is irrelevant or can't be decoded."""
    try:
        return _kube_event(_decode(document), now)
    except (ValueError, RecursionError):
        return None


def read_event_line(line: bytes, now: float) -> KubeEvent | None:
    """Return the Event of a watch line; None if it is irrelevant, deleted, or can't be decoded."""
    try:
        read = _decode_line(line)
    except (ValueError, RecursionError):
        return None
    return _kube_event(read.object, now) if read.type in ("ADDED", "MODIFIED") else None


def _kube_event(event: _Event, now: float) -> KubeEvent | None:
    regarding, reason = event.involved_object, event.reason or ""
    kind: Kind
    if regarding.kind == "Pod":
        kind = "Pod"
    elif regarding.kind == "Node":
        kind = "Node"
    else:
        return None
    # An Event's namespace limits who may have written it: its object's, and for a node the default one.
    home = regarding.namespace if kind == "Pod" else _DEFAULT_NAMESPACE
    if not home or len(home) > LONGEST_NAME or event.metadata.namespace != home:
        return None
    message = _plain(event.message, LONGEST_MESSAGE)
    type_ = _type(event, kind, message)
    node = _node(event, message) if kind == "Pod" else None
    at = _at(event, now, first=type_ == "TaskStarted")
    if at is None or (type_ is None and node is None):
        return None
    return KubeEvent(
        at=at,
        type=type_,
        kind=kind,
        namespace=home if kind == "Pod" else "",
        name=_plain(regarding.name, LONGEST_NAME),
        uid=_plain(regarding.uid, LONGEST_NAME),
        reason=_plain(reason, LONGEST_WORD),
        message=message,
        source=_source(event),
        node=node,
    )


def _type(event: _Event, kind: Kind, message: str) -> Type | None:
    reason = event.reason or ""
    path = event.involved_object.field_path or ""
    if reason == "Started" and not path.startswith("spec.containers{"):
        return None
    # A cancelled eviction has the same reason.
    if reason == "TaintManagerEviction" and not message.startswith("Marking for deletion"):
        return None
    if (known := _TYPES.get((kind, reason))) is not None:
        return known
    return "Kubernetes" if event.type == "Warning" and (kind, reason) not in _ECHOES else None


def _node(event: _Event, message: str) -> str | None:
    if found := _ON_NODE.match(message):
        return found["node"]
    if event.source is not None and event.source.component == "kubelet":
        node = event.source.host
    else:
        node = event.reporting_instance if event.reporting_component == "kubelet" else None
    return node if node is not None and len(node) <= LONGEST_NAME else None


def _at(event: _Event, now: float, *, first: bool) -> float | None:
    """Return when it last happened, or with ``first`` when it first did; None without a plausible time.

    Any time may be missing: client-go's old recorder writes the first and last timestamp, the new one
    eventTime and series. Only the creation timestamp is the apiserver's own.
    """
    created = event.metadata.creation_timestamp
    latest = event.series.last_observed_time if event.series else None
    times: tuple[str | None, ...]
    if first:
        times = (event.first_timestamp, event.event_time, created)
    else:
        times = (latest, event.last_timestamp, event.event_time, event.first_timestamp, created)
    for text in times:
        at = timestamps.parse(text)
        if at is not None and 0 < at <= now + SKEW_SECONDS:
            return min(float(at), now)
    return None


def _source(event: _Event) -> str:
    named = event.reporting_component or (event.source.component if event.source else None)
    source = _plain(named, LONGEST_WORD)
    # Lens writes no Events, and no other source may look like Lens.
    return source if source and source.casefold() != OWN else "unknown"


def _plain(text: str | None, longest: int) -> str:
    """Return a text on one line, without unprintable characters, cut to ``longest`` characters."""
    cut = (text or "")[: 2 * longest]
    if not cut.isprintable():
        cut = "".join(each if each.isprintable() else " " for each in cut)
    plain = " ".join(cut.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
