"""The requests of a pod, summed as kube-scheduler sums them.

Source: k8s.io/component-helpers v0.37, resource/helpers.go (``PodRequests`` with ``UseStatusResources``);
KEP-753 for sidecars, KEP-1287 for resizes in place.
"""

from collections.abc import Callable, Iterable, Mapping
from math import ceil

from lens.model.k8s.bounds import MAX_POD_RESOURCES
from lens.model.k8s.gpu_resources import GpuResources, Units
from lens.model.k8s.objects import Container, ContainerStatus, PodManifest
from lens.model.k8s.quantity import Exact, Quantity

Amounts = Mapping[str, Exact]

Read = Callable[[Mapping[str, Quantity] | None], Amounts]
"""What a sum takes of a list of quantities: the resources that count, with their amounts."""


def gpu_request(pod: PodManifest, gpus: GpuResources) -> Units:
    """Return the GPU units that ``pod`` holds or would hold; empty if it asks for none.

    Raise ValueError, naming the resource, when a GPU quantity can't be read.
    """
    request = pod_request(pod, gpus.units)
    units = tuple(sorted((name, ceil(units)) for name, units in request.items() if units))
    if len(units) > MAX_POD_RESOURCES:
        raise ValueError(f"{len(units)} GPU resources are more than a pod may ask for")
    return units


def pod_request(pod: PodManifest, read: Read) -> Amounts:
    """Return what ``pod`` holds or would hold of the resources that ``read`` takes.

    Raise what ``read`` raises.
    """
    specified = _total(pod, lambda container: _specified(container, read))
    totals = [specified]
    infeasible = _resize_is_infeasible(pod)
    if pod.spec.node_name and (infeasible or (_has_status_resources(pod) and not _is_as_specified(pod))):
        allocated, actuated = _status_totals(pod, read, infeasible=infeasible)
        totals = [allocated, actuated] if infeasible else [specified, allocated, actuated]
    # Most pods have one sum and no more, and each of their lines on a watch is summed.
    request = specified if len(totals) == 1 else _largest(*totals)
    if pod.spec.resources is not None:
        request = {**request, **_pod_level(pod, read, infeasible=infeasible)}
    return _sum(request, read(pod.spec.overhead)) if pod.spec.overhead else request


def _pod_level(pod: PodManifest, read: Read, *, infeasible: bool) -> Amounts:
    """Return the pod-level requests, which override the containers' sums (KEP-2837)."""
    whole = pod.spec.resources
    if whole is None or not any(map(is_pod_level, whole.requests or ())):
        return {}
    lists = [whole.requests]
    if pod.spec.node_name and pod.status.resources is not None:
        status = [pod.status.resources.requests, pod.status.allocated_resources]
        lists = status if infeasible else [*lists, *status]
    most = _largest(*(read(each) for each in lists))
    return {name: amount for name, amount in most.items() if is_pod_level(name)}


def is_pod_level(name: str) -> bool:
    """Return whether a pod as a whole may ask for a resource (KEP-2837)."""
    return name in ("cpu", "memory") or name.startswith("hugepages-")


def _specified(container: Container, read: Read) -> Amounts:
    """Return a container's requests by its spec. A limit without a request is the request."""
    if container.resources is None:
        return {}
    requests = read(container.resources.requests)
    return {**read(container.resources.limits), **requests} if container.resources.limits else requests


def _total(pod: PodManifest, request: Callable[[Container], Amounts]) -> Amounts:
    """Return the larger of the app containers' sum and the highest point of the initialization.

    Sidecars (init containers that restart always) run beside both: they are in the sum, and in the
    peak of every init container that starts after them.
    """
    containers, init_containers = pod.spec.containers or (), pod.spec.init_containers or ()
    if len(containers) == 1 and not init_containers:
        return request(containers[0])
    running: dict[str, Exact] = {}
    sidecars: dict[str, Exact] = {}
    peak: dict[str, Exact] = {}
    for container in containers:
        _add(running, request(container))
    for container in init_containers:
        asked = request(container)
        if container.restart_policy == "Always":
            _add(running, asked)
            _add(sidecars, asked)
        else:
            # For resources that only sidecars request, the sum is never smaller. So the time grows with the
            # requests.
            for name, units in asked.items():
                peak[name] = max(peak.get(name, 0), sidecars.get(name, 0) + units)
    return _largest(running, peak) if peak else running


def _add(total: dict[str, Exact], amounts: Amounts) -> None:
    for name, units in amounts.items():
        total[name] = total.get(name, 0) + units


def _sum(*amounts: Amounts) -> Amounts:
    total: dict[str, Exact] = {}
    for each in amounts:
        _add(total, each)
    return total


def _largest(*amounts: Amounts) -> Amounts:
    most: dict[str, Exact] = {}
    for each in amounts:
        for name, units in each.items():
            most[name] = max(most.get(name, 0), units)
    return most


def _has_status_resources(pod: PodManifest) -> bool:
    if pod.status.allocated_resources is not None:
        return True
    for status in _statuses(pod):
        if status.allocated_resources is not None or status.resources is not None:
            return True
    return False


def _is_as_specified(pod: PodManifest) -> bool:
    """Return whether the status has the resources of the spec, as without a resize. Then no sum is larger."""
    if pod.status.allocated_resources is not None:
        return False
    specified = {
        each.name: each.resources and each.resources.requests
        for each in (*(pod.spec.containers or ()), *(pod.spec.init_containers or ()))
    }
    for status in _statuses(pod):
        requests = specified.get(status.name) or {}
        if (status.allocated_resources or requests) != requests:
            return False
        if status.resources is not None and (status.resources.requests or requests) != requests:
            return False
    return True


def _statuses(pod: PodManifest) -> Iterable[ContainerStatus]:
    return (*(pod.status.container_statuses or ()), *(pod.status.init_container_statuses or ()))


def _resize_is_infeasible(pod: PodManifest) -> bool:
    for condition in pod.status.conditions or ():
        if condition.type == "PodResizePending":
            return condition.reason == "Infeasible"
    return False


def _status_totals(pod: PodManifest, read: Read, *, infeasible: bool) -> tuple[Amounts, Amounts]:
    """Return what the node has admitted (allocated) and what its runtime has applied (actuated)."""
    whole = pod.status
    if whole.allocated_resources is not None and whole.resources and whole.resources.requests is not None:
        return read(whole.allocated_resources), read(whole.resources.requests)
    statuses: dict[str, ContainerStatus] = {}
    for status in _statuses(pod):
        statuses.setdefault(status.name, status)

    def allocated(container: Container) -> Amounts:
        status = statuses.get(container.name)
        if status and status.allocated_resources is not None:
            return read(status.allocated_resources)
        return {} if infeasible else _specified(container, read)

    def actuated(container: Container) -> Amounts:
        status = statuses.get(container.name)
        if status and status.resources and status.resources.requests is not None:
            return read(status.resources.requests)
        return allocated(container)

    return _total(pod, allocated), _total(pod, actuated)
