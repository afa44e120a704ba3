"""Writes what a fit keeps of devices as ResourceSlices.

Under other names a selector is what it says of each device: an attribute that is true or false, or missing
where the expression has an error. So nothing of an expression is left.
"""

from collections.abc import Iterable, Mapping, Sequence

from lens.model.fit.dra.cel.library import EvaluationError
from lens.model.fit.dra.cel.tokens import UnsupportedError
from lens.model.fit.dra.constraints import look_up
from lens.model.fit.dra.devices import Attribute, Capacity, Device, NodeChoice
from lens.model.fit.dra.matching import matches
from lens.model.fit.dra.slices import Slice
from lens.model.fit.record.names import Names
from lens.model.fit.record.writer import Object, Writer
from lens.model.fit.spec.node_selectors import NAME, NameRequirement, NodeSelector, NodeTerm
from lens.model.k8s.quantity import Exact

DOMAIN = "example.com"
READY, FAILED = f"{DOMAIN}/ready", f"{DOMAIN}/failed"


class SliceWriter:
    """Writes slices with one set of names, and what other objects have in common with them."""

    def __init__(
        self, write: Writer, names: Names, selectors: Iterable[str], attributes: Iterable[str]
    ) -> None:
        """Take the expressions that devices are selected by, and the attributes that constraints name."""
        self._write, self._names = write, names
        self._selectors = {
            expression: f"selector{number}" for number, expression in enumerate(dict.fromkeys(selectors))
        }
        self._attributes = dict.fromkeys(attributes)

    def cel(self, expressions: Iterable[str]) -> list[Object]:
        """Return selectors."""
        if not self._names.keep:
            expressions = [f'device.attributes["{DOMAIN}"].{self._selectors[each]}' for each in expressions]
        return [{"cel": {"expression": each}} for each in expressions]

    def slice(self, each: Slice) -> Object:
        """Return a ResourceSlice."""
        names = self._names
        pool = {
            "name": names.of_device("pool", each.pool),
            "generation": each.generation,
            "resourceSliceCount": each.count,
        }
        spec: Object = {"driver": names.of_device("driver", each.driver), "pool": pool}
        spec |= self._nodes(each.nodes)
        if each.per_device:
            spec["perDeviceNodeSelection"] = True
        if each.devices:
            spec["devices"] = [self._device(device, each.driver) for device in each.devices]
        if each.counter_sets:
            spec["sharedCounters"] = [
                {"name": names.of_device("counter-set", name), "counters": self._counters(counters)}
                for name, counters in each.counter_sets
            ]
        if each.groups:
            first = next(device for device in spec["devices"] if "consumesCounters" in device)
            first["consumesCounters"][0]["compatibilityGroups"] = ["group"]
        return {"metadata": {"name": names.of_device("slice", each.name)}, "spec": spec}

    def _device(self, device: Device, driver: str) -> Object:
        names = self._names
        found: Object = {
            "name": names.of_device("device", device.name),
            "attributes": self._attributes_of(device, driver),
            **self._nodes(device.nodes),
        }
        if device.capacities:
            found["capacity"] = {
                names.of_device("capacity", each.name): self._capacity(each) for each in device.capacities
            }
        if device.consumes:
            found["consumesCounters"] = [
                {"counterSet": names.of_device("counter-set", name), "counters": self._counters(counters)}
                for name, counters in device.consumes
            ]
        if device.taints:
            found["taints"] = [self.taint(*each) for each in device.taints]
        if device.shareable:
            found["allowMultipleAllocations"] = True
        if device.kind.binds:
            found["bindsToNode"] = True
        if device.kind.conditions:
            found |= {"bindingConditions": [READY], "bindingFailureConditions": [FAILED]}
        return found

    def _attributes_of(self, device: Device, driver: str) -> Object:
        if self._names.keep:
            return {each.name: self._attribute(each) for each in device.attributes}
        found: Object = {}
        for expression, name in self._selectors.items():
            try:
                found[f"{DOMAIN}/{name}"] = {"bool": matches(expression, device, driver)}
            except (EvaluationError, UnsupportedError):
                continue
        for name in self._attributes:
            attribute = look_up(device, driver, name)
            if attribute is not None:
                found[self.attribute_name(name)] = self._attribute(attribute)
        return found

    def attribute_name(self, name: str) -> str:
        """Return the name of an attribute that a constraint names."""
        return name if self._names.keep else f"{DOMAIN}/{self._names.of_device('attribute', name)}"

    def _attribute(self, attribute: Attribute) -> Object:
        value = attribute.value
        if attribute.type == "version" and not self._names.keep:
            value = f"0.0.{int(self._names.of_device('value', str(value)).rpartition('-')[2])}"
        elif attribute.type == "string":
            value = self._names.of_device("value", str(value))
        return {attribute.type: value} if attribute.type else {}

    def _capacity(self, capacity: Capacity) -> Object:
        found: Object = {"value": quantity(capacity.value)}
        if capacity.has_policy:
            policy: Object = {}
            if capacity.default is not None:
                policy["default"] = quantity(capacity.default)
            if capacity.range is not None:
                bounds = capacity.range.min, capacity.range.max, capacity.range.step
                policy["validRange"] = {
                    field: quantity(value)
                    for field, value in zip(("min", "max", "step"), bounds, strict=True)
                    if value is not None
                }
            if capacity.has_values:
                policy["validValues"] = [quantity(each) for each in capacity.values]
            found["requestPolicy"] = policy
        return found

    def _counters(self, counters: Sequence[tuple[str, Exact]]) -> Mapping[str, Object]:
        return {
            self._names.of_device("counter", name): {"value": quantity(amount)} for name, amount in counters
        }

    def amounts(self, amounts: Iterable[tuple[str, Exact]]) -> dict[str, str]:
        """Return amounts of capacities."""
        return {self._names.of_device("capacity", name): quantity(amount) for name, amount in amounts}

    def taint(self, key: str, value: str, effect: str) -> Object:
        """Return a taint."""
        found = {"key": self._names.of("key", key), "effect": effect}
        return {**found, "value": self._names.of("value", value)} if value else found

    def _nodes(self, choice: NodeChoice) -> Object:
        found: Object = {}
        if choice.node:
            found["nodeName"] = self._names.of("node", choice.node)
        if choice.all_nodes:
            found["allNodes"] = True
        if choice.selector is not None:
            found["nodeSelector"] = self.node_selector(choice.selector)
        return found

    def allocated_to(self, choice: NodeChoice) -> Object:
        """Return the NodeSelector of an allocation."""
        if choice.selector is not None:
            return self.node_selector(choice.selector)
        return {
            "nodeSelectorTerms": [
                self._write.node_term(NodeTerm((), (NameRequirement(NAME, choice.node, equal=True),)))
            ]
        }

    def node_selector(self, selector: NodeSelector) -> Object:
        """Return a NodeSelector."""
        return {"nodeSelectorTerms": [self._write.node_term(each) for each in selector.terms or ()]}


def quantity(amount: Exact) -> str:
    """Return an amount as a Quantity that is exactly as large."""
    digits = 0
    while amount.denominator != 1:
        amount *= 10
        digits += 1
    return f"{amount.numerator}e-{digits}" if digits else str(amount)
