"""Where a simulated pod goes: kube-scheduler's filters (cordons, taints, room, claims), then bin packing."""

from collections import Counter
from collections.abc import Iterator, Sequence

from lens_sim.cluster.claims import Claim
from lens_sim.cluster.nodes import Node
from lens_sim.objects.resourcelist import GPU, MIG_DEVICE, SHARED_GPU, ResourceList
from lens_sim.objects.taints import UNSCHEDULABLE, Taint, Toleration

_SHORTAGES = (
    f"Insufficient {GPU}",
    "Insufficient cpu",
    "Insufficient memory",
    "Too many pods",
    f"Insufficient {SHARED_GPU}",
    f"Insufficient {MIG_DEVICE}",
)


class UnschedulableError(Exception):
    """No node takes the pod; the message is what kube-scheduler writes into its PodScheduled condition."""


def place(
    requests: ResourceList,
    tolerations: Sequence[Toleration],
    nodes: Sequence[Node],
    claim: Claim | None = None,
) -> Node:
    """Return the node with the fewest free GPUs that takes a pod; UnschedulableError when none does."""
    reasons: Counter[str] = Counter()
    fitting = []
    for node in nodes:
        obstacles = list(_obstacles(requests, tolerations, node, claim))
        reasons.update(obstacles)
        if not obstacles:
            fitting.append(node)
    if not fitting:
        counted = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
        raise UnschedulableError(f"0/{len(nodes)} nodes are available: {counted}.")
    return min(fitting, key=lambda node: node.devices.free)


def fits(
    requests: ResourceList, tolerations: Sequence[Toleration], node: Node, claim: Claim | None = None
) -> bool:
    """Return whether a node takes a pod."""
    return not any(_obstacles(requests, tolerations, node, claim))


def _obstacles(
    requests: ResourceList, tolerations: Sequence[Toleration], node: Node, claim: Claim | None
) -> Iterator[str]:
    def tolerated(taint: Taint) -> bool:
        return any(toleration.tolerates(taint) for toleration in tolerations)

    if node.unschedulable and not tolerated(Taint(UNSCHEDULABLE, "NoSchedule")):
        yield "node(s) were unschedulable"
        return
    for taint in node.taints():
        if not tolerated(taint):
            yield f"node(s) had untolerated taint {{{taint.key}: }}"
            return
    enough = True
    for asked, free, shortage in zip(requests, node.free, _SHORTAGES, strict=True):
        # A resource that is not asked for is not checked, even where it is over-committed.
        if asked and asked > free:
            enough = False
            yield shortage
    if not enough or claim is None:
        return
    if claim.node is None:
        if not claim.request.fits(node):
            yield "cannot allocate all claims"
    elif claim.node is not node:
        yield "resourceclaim not available on the node"
