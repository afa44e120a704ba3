"""What an alert is: its type, which is declared with its rule, and what a rule finds."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from lens.model.k8s.bounds import LONGEST_MESSAGE, short

Severity = Literal["critical", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
"""The most severe first: a GPU or node is out of service; it needs attention; worth knowing."""

T = TypeVar("T")


def shortened(message: str) -> str:
    """Return an alert's or an event's message, cut to the bound, since it quotes other people's texts."""
    return short(message, LONGEST_MESSAGE)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 GPU``, ``2 GPUs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


class Thresholds(msgspec.Struct, frozen=True):
    """When a condition becomes an alert. Each field is the setting ``LENS_ALERT_…`` of its name.

    ``for_seconds`` is how long a condition without a threshold of its own has to last, ``clear_seconds`` how
    long a condition has to be absent before its alert clears.
    """

    for_seconds: float = 30.0
    clear_seconds: float = 60.0
    idle_seconds: float = 3600.0
    idle_percent: float = 1.0
    throttled_seconds: float = 300.0
    pending_seconds: float = 900.0
    not_ready_seconds: float = 60.0
    cordoned_seconds: float = 3600.0
    agent_seconds: float = 60.0
    watch_age_seconds: float = 120.0


class AlertObject(msgspec.Struct, frozen=True, gc=False):
    """The object that an alert is about, in parts. Each is None where the object has none.

    A GPU has its node, its index and its UUID; a pod its namespace, and its node if that is part of the
    finding.
    """

    node: str | None = None
    gpu_uuid: str | None = None
    gpu_index: int | None = None
    namespace: str | None = None
    pod: str | None = None


NO_OBJECT = AlertObject()


class Finding(msgspec.Struct, frozen=True, gc=False):
    """Something that a rule finds wrong with ``source`` now; ``about`` has its parts.

    ``severity`` is None for the type's first one. ``key`` tells findings of one type apart; by default the
    source does. ``since`` is set where the object itself has the time. ``telemetry_node`` is the node whose
    telemetry the finding is from, None for another origin.
    """

    source: str
    message: str
    severity: Severity | None = None
    key: str | None = None
    about: AlertObject = NO_OBJECT
    since: float | None = None
    telemetry_node: str | None = None


class AlertType(msgspec.Struct, Generic[T], frozen=True):
    """A type of alert, with all that the API, the metrics, the docs and the Prometheus rules say of it.

    ``severities`` has the usual one first. ``summary`` is the plural noun that Prometheus counts, ``meaning``
    says what is wrong, ``action`` what to do, ``guide`` what else docs/monitoring.md says. ``lasting`` is the
    field of Thresholds that says how long the condition has to last, None for not at all. An ``alone`` alert
    hides the other alerts of its object.
    """

    type: str
    rule: Callable[[T], Iterable[Finding]]
    severities: tuple[Severity, ...]
    summary: str
    meaning: str
    action: str
    guide: str = ""
    lasting: str | None = "for_seconds"
    alone: bool = False

    def lasting_seconds(self, limits: Thresholds) -> float:
        """Return how long the condition has to last."""
        seconds: float = 0.0 if self.lasting is None else getattr(limits, self.lasting)
        return seconds


class AlertTypes(Generic[T]):
    """The alert types whose rules take the same kind of object, in the order of their declarations."""

    def __init__(self) -> None:
        """Start with none."""
        self.types: list[AlertType[T]] = []

    def declare(
        self,
        type_: str,
        *,
        severities: tuple[Severity, ...],
        summary: str,
        meaning: str,
        action: str,
        guide: str = "",
        lasting: str | None = "for_seconds",
        alone: bool = False,
    ) -> Callable[[Callable[[T], Iterable[Finding]]], AlertType[T]]:
        """Declare the alert type whose rule is the decorated function."""

        def declared(rule: Callable[[T], Iterable[Finding]]) -> AlertType[T]:
            kind = AlertType(type_, rule, severities, summary, meaning, action, guide, lasting, alone)
            self.types.append(kind)
            return kind

        return declared


class Condition(msgspec.Struct, frozen=True, gc=False):
    """A finding with its alert type. ``id`` stays the same while the condition lasts."""

    kind: AlertType[Any]
    id: str
    source: str
    message: str
    severity: Severity
    about: AlertObject = NO_OBJECT
    since: float | None = None
    telemetry_node: str | None = None


class Alert(msgspec.Struct, frozen=True, gc=False):
    """A condition that has lasted. ``id`` stays the same while it does, on every replica.

    ``since`` is in epoch seconds. ``source`` is the object: ``Node/name``, ``GPU/node/uuid``,
    ``Pod/namespace/name``, ``Watch/resource``. ``about`` has its parts.
    """

    id: str
    type: str
    severity: Severity
    message: str
    action: str
    since: float
    source: str
    about: AlertObject = NO_OBJECT


def in_order(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Return alerts with the critical ones first, and of equals the newest."""
    return tuple(sorted(alerts, key=lambda alert: (SEVERITIES.index(alert.severity), -alert.since, alert.id)))
