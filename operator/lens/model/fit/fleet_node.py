"""A node with what is on it, as the fit engine reads it."""

from collections.abc import Iterable

import msgspec

from lens.model.fit.spec.node import Gate
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.spec.ports import HostPorts

Pods = tuple[FitPod, ...]


class FleetNode(msgspec.Struct, frozen=True, gc=False):
    """A node with what is on it.

    ``free`` is what is left of each resource that the node has, or that its pods hold; below 0 where they
    hold more than it has. ``pods`` are those on it, by namespace. ``repelling`` are those with required
    anti-affinity, ``nominated`` those that are yet to come.
    """

    name: str
    labels: dict[str, str]
    gate: Gate
    features: frozenset[str]
    allocatable: dict[str, int]
    free: dict[str, int]
    free_pods: int
    pods: dict[str, Pods]
    ports: HostPorts = ()
    repelling: Pods = ()
    nominated: Pods = ()

    def with_pods(self, pods: Iterable[FitPod]) -> "FleetNode":
        """Return the node with more pods on it."""
        free, ports, repelling = dict(self.free), list(self.ports), list(self.repelling)
        by_namespace = dict(self.pods)
        count = 0
        for pod in pods:
            count += 1
            for resource, amount in pod.request:
                free[resource] = free.get(resource, 0) - amount
            ports += pod.ports
            if pod.anti_terms:
                repelling.append(pod)
            by_namespace[pod.namespace] = (*by_namespace.get(pod.namespace, ()), pod)
        return FleetNode(
            self.name,
            self.labels,
            self.gate,
            self.features,
            self.allocatable,
            free,
            self.free_pods - count,
            by_namespace,
            tuple(ports),
            tuple(repelling),
            self.nominated,
        )
