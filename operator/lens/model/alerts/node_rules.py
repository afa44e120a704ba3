"""Alerts about GPU nodes: their resources, conditions and telemetry."""

from collections.abc import Iterator
from typing import NamedTuple

from lens.model.alerts.alert import AlertObject, AlertTypes, Finding, Severity, Thresholds, counted
from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.inventory.objects.node import Node
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy


class GpuNode(NamedTuple):
    """A node: who holds its GPUs, and their telemetry; None where there is none."""

    name: str
    occupancy: NodeOccupancy | None
    telemetry: NodeTelemetry | None
    limits: Thresholds

    @property
    def node(self) -> Node | None:
        """Return the node itself; None if it doesn't exist."""
        return None if self.occupancy is None else self.occupancy.node

    @property
    def holders(self) -> int:
        """Return how many pods hold GPUs there."""
        return 0 if self.occupancy is None else len(self.occupancy.pods)

    def finding(self, message: str, severity: Severity | None = None, resource: str | None = None) -> Finding:
        """Return a finding about it, or about one of its resources."""
        source = f"Node/{self.name}"
        key = None if resource is None else f"{source}:{resource}"
        return Finding(source, message, severity, key, AlertObject(self.name))


NODE_ALERTS: AlertTypes[GpuNode] = AlertTypes()

MAX_NAMED = 4
"""Claims that an alert names; it counts the others."""


@NODE_ALERTS.declare(
    "DevicesUnhealthy",
    severities=("critical",),
    summary="Nodes with unhealthy devices",
    meaning="A node's capacity is more than its allocatable: the device plugin reports GPUs as unhealthy, "
    "and no pod gets them.",
    action="Read the device plugin's log on the node.",
    guide="Often there is an XID as well.",
)
def devices_unhealthy(subject: GpuNode) -> Iterator[Finding]:
    """Find the resources with unhealthy devices."""
    for offer in subject.node.offers if subject.node else ():
        unhealthy = offer.capacity - offer.allocatable
        if unhealthy > 0:
            are = "is" if unhealthy == 1 else "are"
            message = f"{unhealthy} of {offer.capacity} {offer.resource} on {subject.name} {are} unhealthy"
            yield subject.finding(message, resource=offer.resource)


@NODE_ALERTS.declare(
    "DevicePluginGone",
    severities=("critical",),
    summary="Nodes without a device plugin",
    meaning="A node names GPU resources, its capacity of all of them is 0, and DRA has none of its GPUs: the "
    "device plugin doesn't run or isn't registered.",
    action="Make the device plugin's pod run on the node.",
    guide="It needs the driver and the container toolkit.",
)
def device_plugin_gone(subject: GpuNode) -> Iterator[Finding]:
    """Find a node without a capacity of GPUs, unless a DRA driver has taken the device plugin's place."""
    if subject.occupancy is None or subject.node is None or subject.occupancy.gpus:
        return
    if subject.node.offers and not any(offer.capacity for offer in subject.node.offers):
        yield subject.finding(f"{subject.name} names GPU resources, and its capacity of all of them is 0")


@NODE_ALERTS.declare(
    "NodeNotReady",
    severities=("warning", "critical"),
    summary="GPU nodes that are not ready",
    meaning="The Ready condition of a GPU node isn't True. It is critical while pods hold GPUs there.",
    action="Check the node's conditions and its kubelet. Its pods are evicted after their tolerationSeconds.",
    lasting="not_ready_seconds",
)
def node_not_ready(subject: GpuNode) -> Iterator[Finding]:
    """Find a node that is not ready."""
    if subject.node is not None and subject.node.ready is False:
        message = f"{subject.name} is not ready, and {_holding(subject.holders)} there"
        yield subject.finding(message, "critical" if subject.holders else "warning")


@NODE_ALERTS.declare(
    "NodeCordoned",
    severities=("info",),
    summary="Cordoned nodes with pods that hold GPUs",
    meaning="Pods hold GPUs on a cordoned node. Its free GPUs are unavailable.",
    action="Finish the drain, or uncordon the node.",
    lasting="cordoned_seconds",
)
def node_cordoned(subject: GpuNode) -> Iterator[Finding]:
    """Find a cordoned node that pods hold GPUs of."""
    if subject.node is not None and subject.node.unschedulable and subject.holders:
        yield subject.finding(f"{subject.name} is cordoned, and {_holding(subject.holders)} there")


@NODE_ALERTS.declare(
    "GpusHeldWithoutPod",
    severities=("warning",),
    summary="Nodes with GPUs that are held for no pod",
    meaning="ResourceClaims, or reservation pods of KAI-Scheduler, hold GPUs of a node for no pod. The "
    "message names claims.",
    action="Delete the claims that nobody needs any more.",
    guide="The GPUs are allocated, and no other pod gets them. `nodes/{name}` has the claims of each GPU, "
    "with `without_pod`.",
    lasting="idle_seconds",
)
def gpus_held_without_pod(subject: GpuNode) -> Iterator[Finding]:
    """Find a node with GPUs that are held for no pod."""
    if subject.occupancy is None or not subject.occupancy.held_without_pod:
        return
    number = subject.occupancy.held_without_pod
    claims = sorted(
        {each.claim.path for gpu in subject.occupancy.gpus if gpu.without_pod for each in gpu.holders}
    )
    named = ", ".join(claims[:MAX_NAMED])
    more = len(claims) - MAX_NAMED
    by = f": by {named}" if claims else ""
    by += f" and {counted(more, 'more claim')}" if more > 0 else ""
    are = "is" if number == 1 else "are"
    yield subject.finding(f"{counted(number, 'GPU')} of {subject.name} {are} held for no pod{by}")


@NODE_ALERTS.declare(
    "AgentStale",
    severities=("warning",),
    summary="Nodes with stale telemetry",
    meaning="A node's samples are stale, or its agent or exporter can't be read. The message has the reason.",
    action="Make the agent's or exporter's pod run on the node, and let Lens reach it.",
    guide="Common reasons are a missing pod, a wrong token and a NetworkPolicy.",
    lasting="agent_seconds",
)
def agent_stale(subject: GpuNode) -> Iterator[Finding]:
    """Find a node without fresh telemetry."""
    telemetry = subject.telemetry
    if telemetry is not None and telemetry.state != "ok":
        age = "can't be read" if telemetry.state == "unknown" else "is stale"
        reason = f": {telemetry.problem}" if telemetry.problem else ""
        yield subject.finding(f"The telemetry of {subject.name} {age}{reason}")


@NODE_ALERTS.declare(
    "GpusNotReported",
    severities=("warning",),
    summary="Nodes with GPUs that telemetry lacks",
    meaning="A node's agent or exporter reports fewer GPUs than the node has.",
    action="Compare `nvidia-smi -L`, or `amd-smi list`, on the node with its capacity. "
    "Restart the agent's or exporter's pod if it can't see all devices.",
    guide="A GPU may have fallen off the bus, a uuid may be claimed by two nodes, or the pod may lack "
    "access to the devices.",
    lasting="agent_seconds",
)
def gpus_not_reported(subject: GpuNode) -> Iterator[Finding]:
    """Find a node whose telemetry has fewer GPUs than the node."""
    if subject.telemetry is None or subject.occupancy is None:
        return
    if lacking := subject.occupancy.unreported_gpus(subject.telemetry):
        total = counted(subject.occupancy.reportable_gpus(subject.telemetry.source) or 0, "GPU")
        problem = f": {subject.telemetry.problem}" if subject.telemetry.problem else ""
        yield subject.finding(f"The telemetry of {subject.name} lacks {lacking} of {total}{problem}")


def _holding(pods: int) -> str:
    if pods == 0:
        return "no pod holds GPUs"
    return "1 pod holds GPUs" if pods == 1 else f"{pods} pods hold GPUs"


@NODE_ALERTS.declare(
    "Overcommitted",
    severities=("critical",),
    summary="Nodes with fewer GPUs than pods hold",
    meaning="Pods hold more GPUs of a node than it has. All nodes that don't exist have one alert together.",
    action="Find out what lowered the node's capacity, or which pods were bound without the scheduler. "
    "Delete some of the pods.",
)
def overcommitted(subject: GpuNode) -> Iterator[Finding]:
    """Find a node with fewer GPUs than pods hold. Nodes that don't exist are the cluster's."""
    if subject.node is not None and subject.occupancy is not None and subject.occupancy.overcommitted:
        more = counted(subject.occupancy.overcommitted, "more GPU")
        yield subject.finding(f"Pods hold {more} on {subject.name} than it has")
