"""A pod whose manifest has ``nodeName``: it bypasses kube-scheduler, and the node's kubelet admits it or not.

Source: pkg/kubelet/lifecycle/predicate.go in Kubernetes 1.37. The kubelet checks resources, ports, the
node selector and affinity, and taints that are NoExecute. No kubelet checks rules between pods.
"""

from collections.abc import Container

import msgspec

from lens.model.fit.spec.asked import AskedPod
from lens.model.fit.spec.tolerations import Toleration

_NO_SCHEDULE = Toleration("", "Exists", "", "NoSchedule")
_OF_SCHEDULERS = frozenset({"scheduler", "pod_groups"})
_CRITICAL = 2_000_000_000
"""The priority from which a kubelet evicts other pods for a pod."""


def as_bound(asked: AskedPod, served: Container[str], *, by_daemon_set: bool) -> AskedPod:
    """Return a pod as its kubelet admits it; as it is if it names no node.

    ``served`` are the extended resources that claims serve: nobody allocates claims for a pod that is bound
    already. The DaemonSet controller makes no pod for a node with a taint that it doesn't tolerate.
    """
    if not asked.node_name:
        return asked
    unchecked = [name for name in asked.unchecked if name not in _OF_SCHEDULERS]
    if asked.claims or any(name in served for name, _ in asked.request):
        unchecked.append("dynamic_resources")
    return msgspec.structs.replace(
        asked,
        bound=True,
        preempts=asked.preempts and asked.priority >= _CRITICAL,
        tolerations=asked.tolerations if by_daemon_set else (*asked.tolerations, _NO_SCHEDULE),
        unchecked=tuple(dict.fromkeys(unchecked)),
    )
