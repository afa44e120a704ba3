"""Constraints among the devices of a claim: the same value of an attribute, or different ones.

Source: k8s.io/dynamic-resource-allocation v0.37, structured/internal/incubating.
"""

from lens.model.fit.dra.devices import Attribute, Device
from lens.model.fit.spec.claims import Constraint


def look_up(device: Device, driver: str, attribute: str) -> Attribute | None:
    """Return an attribute by its full name; without its domain it is the driver's."""
    own = attribute.removeprefix(f"{driver}/")
    short = None
    for each in device.attributes:
        if each.name == attribute:
            return each
        if each.name == own and own != attribute:
            short = each
    return short


class Tracker:
    """A constraint, and the devices that it has been applied to so far."""

    __slots__ = ("_attributes", "constraint")

    def __init__(self, constraint: Constraint) -> None:
        """Start without devices."""
        self.constraint = constraint
        self._attributes: list[Attribute] = []

    def add(self, request: str, alternative: str, device: Device, driver: str) -> bool:
        """Add a device if the constraint allows it; return whether it does."""
        if not self.constraint.concerns(request, alternative):
            return True
        found = look_up(device, driver, self.constraint.attribute)
        if found is None:
            return False
        if self.constraint.kind == "match":
            if self._attributes and not _same(found, self._attributes[0]):
                return False
        elif any(found.type == "" or _same(found, each) for each in self._attributes):
            return False
        self._attributes.append(found)
        return True

    def remove(self, request: str, alternative: str) -> None:
        """Take back what was added last for a request."""
        if self.constraint.concerns(request, alternative):
            self._attributes.pop()


def _same(left: Attribute, right: Attribute) -> bool:
    return left.type != "" and left.type == right.type and left.value == right.value
