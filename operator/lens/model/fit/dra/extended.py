"""The requests that kube-scheduler makes of a pod's extended resources, for nodes where claims serve them.

Source: pkg/scheduler/framework/plugins/dynamicresources, extendeddynamicresources.go in Kubernetes 1.37
(``createRequestsAndMappings``).
"""

from collections.abc import Iterable, Mapping

from lens.model.fit.spec.claims import ClaimSpec, DeviceRequest, SubRequest
from lens.model.fit.spec.containers import ContainerRequest


def extended_spec(
    containers: Iterable[ContainerRequest], resources: Iterable[str], serving: Mapping[str, str]
) -> ClaimSpec:
    """Return the requests of the claim for extended resources."""
    listed = list(containers)
    requests: list[DeviceRequest] = []
    for resource in sorted(resources):
        device_class = serving[resource]
        kept: dict[int, DeviceRequest] = {}
        for index, container in enumerate(listed):
            amount = container.amount(resource)
            if not container.ends_early and amount:
                kept[index] = _request(index, container, resource, device_class, amount)
        most: DeviceRequest | None = None
        for index, container in enumerate(listed):
            # An init container that ends shares its devices with the containers that start after it.
            reusable = sum(each.alternatives[0].count for position, each in kept.items() if position >= index)
            needed = container.amount(resource) - reusable
            if container.ends_early and needed > 0:
                each = _request(index, container, resource, device_class, needed)
                if most is None or most.alternatives[0].count < needed:
                    most = each
        requests += [most] if most is not None else []
        requests += kept.values()
    return ClaimSpec(tuple(sorted(requests, key=lambda each: each.name)))


def _request(
    index: int, container: ContainerRequest, resource: str, device_class: str, count: int
) -> DeviceRequest:
    name = f"container-{index}-request-{container.position(resource)}"
    return DeviceRequest(name, (SubRequest(name, device_class, count=count),))
