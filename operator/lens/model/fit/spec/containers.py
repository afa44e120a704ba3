"""What single containers request of extended resources, for the claim that may serve them."""

from collections.abc import Iterable

import msgspec

from lens.model.fit.spec.resources import is_extended
from lens.model.k8s.objects import Container
from lens.model.k8s.quantity import parse


class ContainerRequest(msgspec.Struct, frozen=True, gc=False):
    """A container's requests of extended resources, each with its place among all resources by name.

    ``ends_early``: it is an init container, and no sidecar.
    """

    ends_early: bool
    resources: tuple[tuple[str, int, int], ...] = ()

    def amount(self, resource: str) -> int:
        """Return how much it requests of a resource."""
        return next((amount for name, amount, _ in self.resources if name == resource), 0)

    def with_amount(self, resource: str, amount: int) -> "ContainerRequest":
        """Return a container that requests another amount of a resource that it requests."""
        resources = tuple(
            (name, amount if name == resource else each, position) for name, each, position in self.resources
        )
        return ContainerRequest(self.ends_early, resources)

    def position(self, resource: str) -> int:
        """Return the place of a resource among all that it requests, by name."""
        return next((position for name, _, position in self.resources if name == resource), 0)


def read_containers(
    init: Iterable[Container], containers: Iterable[Container]
) -> tuple[ContainerRequest, ...]:
    """Return the containers in the scheduler's order, if one requests an extended resource."""
    found = tuple(
        [_read(each, ends_early=each.restart_policy != "Always") for each in init]
        + [_read(each, ends_early=False) for each in containers]
    )
    return found if any(each.resources for each in found) else ()


def lessened(
    containers: Iterable[ContainerRequest], resource: str, most: int
) -> tuple[ContainerRequest, ...]:
    """Return containers, in the scheduler's order, that together take no more than ``most`` of a resource.

    Those that run as long as the pod take it one after another; an init container has what is left beside the
    sidecars that run before it.
    """
    listed = list(containers)
    left, found = most, []
    for each in listed:
        amount = min(each.amount(resource), left)
        left -= 0 if each.ends_early else amount
        found.append(each.with_amount(resource, amount))
    return tuple(found)


def _read(container: Container, *, ends_early: bool) -> ContainerRequest:
    resources = container.resources
    requests = {} if resources is None else {**(resources.limits or {}), **(resources.requests or {})}
    names = sorted(requests)
    return ContainerRequest(
        ends_early,
        tuple(
            (name, int(parse(requests[name])), position)
            for position, name in enumerate(names)
            if is_extended(name) and parse(requests[name]).denominator == 1
        ),
    )
