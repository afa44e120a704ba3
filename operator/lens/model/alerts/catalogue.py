"""The catalogue of alerts: each type with its severity, how long it has to last, and what to do about it."""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

Severity = Literal["critical", "warning", "info"]

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
"""The gravest first: a GPU or node is out of service; somebody will have to look; worth knowing."""


LONGEST_MESSAGE = 512
"""Characters of an alert's or an event's message, which repeats what others write."""

MOST_GPU_ALERTS = 64
"""Alerts of one node's GPUs; one more says how many there are beside them."""


def shortened(message: str) -> str:
    """Return at most LONGEST_MESSAGE characters of a message."""
    return message if len(message) <= LONGEST_MESSAGE else message[: LONGEST_MESSAGE - 1] + "…"


class Thresholds(msgspec.Struct, frozen=True):
    """From when on something is worth an alert. Everything but ``idle_percent`` is in seconds.

    ``default`` is how long a condition lasts that has no time of its own, ``clear`` how long it is to be
    gone before its alert is.
    """

    default: float = 30.0
    clear: float = 60.0
    idle: float = 3600.0
    idle_percent: float = 1.0
    throttled: float = 300.0
    pending: float = 900.0
    not_ready: float = 60.0
    cordoned: float = 3600.0
    agent: float = 60.0
    watch_age: float = 120.0


class AlertType(msgspec.Struct, frozen=True):
    """A type of alert. ``severities`` has the usual one first.

    ``told`` says that telemetry tells of it, so that nobody knows about it while that is missing.
    """

    type: str
    severities: tuple[Severity, ...]
    action: str
    lasting: Callable[[Thresholds], float] = lambda limits: limits.default
    told: bool = False


GPU_LOST = AlertType(
    "GpuLost",
    ("critical",),
    "Drain the node and reboot it; if the GPU stays away, have it replaced.",
    told=True,
)
GPU_RECOVERY_ACTION = AlertType(
    "GpuRecoveryAction",
    ("critical",),
    "Drain the GPU's pods and do what the driver asks for: reset the GPU or reboot the node.",
    told=True,
)
GPU_UNHEALTHY = AlertType(
    "GpuUnhealthy",
    ("critical",),
    "Drain the GPU's pods and reset it; read the driver's log on the node for the cause.",
    told=True,
)
GPU_XID = AlertType(
    "GpuXid",
    ("warning", "critical"),
    "Look the XID up in NVIDIA's catalogue; reset the GPU where it says so. "
    "It is told until the node's agent or exporter starts anew.",
    told=True,
)
GPU_ROWS_FAILED = AlertType(
    "GpuRowRemapFailed",
    ("critical",),
    "Take the GPU out of service and have it replaced: it has no spare memory rows left.",
    told=True,
)
GPU_ROWS_PENDING = AlertType(
    "GpuRowRemapPending",
    ("warning",),
    "Reset the GPU when its pods have ended: memory rows wait to be replaced by spare ones.",
    told=True,
)
GPU_ECC = AlertType(
    "GpuEccErrors",
    ("warning",),
    "Reset the GPU when its pods have ended; if errors come back, run NVIDIA's field diagnostic.",
    told=True,
)
GPU_THROTTLED = AlertType(
    "GpuThrottled",
    ("warning",),
    "Look at the node's cooling and power supply: the GPU runs slower than it could.",
    lasting=lambda limits: limits.throttled,
    told=True,
)
GPU_ALERTS_OMITTED = AlertType(
    "GpuAlertsOmitted",
    ("warning",),
    "Read what the node's agent or exporter answers: it tells of more than can be wrong with a node's GPUs.",
    told=True,
)
GPUS_IDLE = AlertType(
    "GpusIdle",
    ("warning",),
    "Ask the pod's owner whether it still needs its GPUs; nobody else can use them.",
    lasting=lambda limits: limits.idle,
    told=True,
)
DEVICES_UNHEALTHY = AlertType(
    "DevicesUnhealthy",
    ("critical",),
    "Read the device plugin's log on the node: it takes GPUs for unhealthy and gives them to nobody.",
)
DEVICE_PLUGIN_GONE = AlertType(
    "DevicePluginGone",
    ("critical",),
    "See that the device plugin's pod runs on the node: the kubelet knows of no GPU there.",
)
NODE_NOT_READY = AlertType(
    "NodeNotReady",
    ("warning", "critical"),
    "Look at the node's conditions and its kubelet; its pods are evicted after their tolerations' time.",
    lasting=lambda limits: limits.not_ready,
)
NODE_CORDONED = AlertType(
    "NodeCordoned",
    ("info",),
    "Finish the drain, or uncordon the node: its free GPUs go to nobody.",
    lasting=lambda limits: limits.cordoned,
)
OVERCOMMITTED = AlertType(
    "Overcommitted",
    ("critical",),
    "Find out what lowered the node's capacity, or which pods were bound past the scheduler; delete some.",
)
AGENT_STALE = AlertType(
    "AgentStale",
    ("warning",),
    "See that the agent's or exporter's pod on the node runs and can be reached.",
    lasting=lambda limits: limits.agent,
)
POD_PENDING = AlertType(
    "PodPending",
    ("warning", "info"),
    "Read the scheduler's reason; make room, or ask for fewer GPUs. A gated pod waits for its queue.",
    lasting=lambda limits: limits.pending,
)
WATCH_STALE = AlertType(
    "WatchStale",
    ("critical",),
    "See that the apiserver can be reached: Lens goes on answering with what it knew last.",
    lasting=lambda _limits: 0.0,
)
OBJECTS_SKIPPED = AlertType(
    "ObjectsSkipped",
    ("warning",),
    "Find the objects in Lens' log, which names each once with what can't be read, and repair them.",
)

ALERT_TYPES = (
    GPU_LOST,
    GPU_RECOVERY_ACTION,
    GPU_UNHEALTHY,
    GPU_XID,
    GPU_ROWS_FAILED,
    GPU_ROWS_PENDING,
    GPU_ECC,
    GPU_THROTTLED,
    GPU_ALERTS_OMITTED,
    GPUS_IDLE,
    DEVICES_UNHEALTHY,
    DEVICE_PLUGIN_GONE,
    NODE_NOT_READY,
    NODE_CORDONED,
    OVERCOMMITTED,
    AGENT_STALE,
    POD_PENDING,
    WATCH_STALE,
    OBJECTS_SKIPPED,
)
"""All of them."""


class Alert(msgspec.Struct, frozen=True, gc=False):
    """A condition that has lasted. ``id`` stays the same while it does, on every replica.

    ``since`` is in epoch seconds. ``source`` is the object: ``Node/name``, ``GPU/node/uuid``,
    ``Pod/namespace/name``, ``Watch/resource``. Of what belongs to no namespace, ``namespace`` is None.
    """

    id: str
    type: str
    severity: Severity
    message: str
    action: str
    since: float
    source: str
    namespace: str | None


def in_order(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Return alerts with the critical ones first, and of equals the newest."""
    return tuple(sorted(alerts, key=lambda alert: (SEVERITIES.index(alert.severity), -alert.since, alert.id)))
