"""The amounts that a request gets of a device's capacities, rounded by the device's request policy.

Source: k8s.io/dynamic-resource-allocation v0.37, structured/internal/incubating, consumable_capacity.go.
"""

from collections.abc import Mapping
from fractions import Fraction

from lens.model.fit.dra.devices import Capacity, CapacityRange, Device
from lens.model.k8s.quantity import Exact

LARGEST = 2**63 - 1

Amounts = Mapping[str, Exact]

NOTHING: Amounts = {}


class CapacityError(ValueError):
    """A request for more than can be counted: kube-scheduler rejects the pod."""


def consumed(asked: Amounts, device: Device) -> dict[str, Exact]:
    """Return the amount that a request gets of each capacity. Raise CapacityError if it is too large."""
    amounts = {each.name: _consumed(asked.get(each.name), each) for each in device.capacities}
    for name, amount in amounts.items():
        if amount < 0:
            raise CapacityError(f'capacity "{name}": capacity value is negative')
    return amounts


def has_room(asked: Amounts, device: Device, held: Amounts = NOTHING, shares: Amounts = NOTHING) -> bool:
    """Return whether a device has room for a request beside what is ``held`` and the ``shares``.

    Raise CapacityError for what can't be counted.
    """
    own = {each.name for each in device.capacities}
    if any(name not in own for name in asked):
        return False
    amounts = consumed(asked, device)
    return all(
        not _violates(amounts[each.name], each)
        and held.get(each.name, 0) + amounts[each.name] + shares.get(each.name, 0) <= each.value
        for each in device.capacities
    )


def _consumed(asked: Exact | None, capacity: Capacity) -> Exact:
    if asked is None:
        return capacity.value if capacity.default is None else capacity.default
    if not capacity.has_policy:
        return asked
    if capacity.range is not None and capacity.range.min is not None:
        return _rounded(asked, capacity.name, capacity.range, capacity.range.min)
    if capacity.has_values:
        return next((each for each in capacity.values if asked <= each), asked)
    return asked


def _rounded(asked: Exact, name: str, bounds: CapacityRange, least: Exact) -> Exact:
    if asked < least:
        return least
    if bounds.step is None:
        return asked
    scale = _scale(bounds)
    number = Fraction(asked) * scale
    if scale == 1:
        if number > LARGEST:
            raise CapacityError(f'capacity "{name}": capacity request cannot be represented')
        number = Fraction(-(-number // 1))
    elif number.denominator != 1 or number > LARGEST:
        raise CapacityError(f'capacity "{name}": capacity request cannot be represented')
    step, first = _whole(bounds.step, scale), _whole(least, scale)
    if step == 0:
        raise CapacityError(f'capacity "{name}": the step is 0')
    steps = -(-(int(number) - first) // step)
    rounded = first + step * steps
    if rounded > LARGEST:
        raise CapacityError(f'capacity "{name}": capacity request cannot be represented')
    return rounded if scale == 1 else Fraction(rounded, scale)


def _violates(amount: Exact, capacity: Capacity) -> bool:
    if not capacity.has_policy or amount == capacity.default:
        return False
    bounds = capacity.range
    if bounds is None:
        return bool(capacity.values) and amount not in capacity.values
    if bounds.max is not None and amount > bounds.max:
        return True
    if bounds.step is None:
        return False
    scale = _scale(bounds)
    number = Fraction(amount) * scale
    if scale != 1 and number.denominator != 1:
        return True
    step = _whole(bounds.step, scale)
    first = _whole(bounds.min if bounds.min is not None else 0, scale)
    return step == 0 or (-(-number // 1) - first) % step != 0


def _scale(bounds: CapacityRange) -> int:
    """Return 1000 where a range is counted in thousandths: as far as these are whole numbers that fit."""
    for each in (bounds.min, bounds.max, bounds.step):
        if each is None:
            continue
        number = Fraction(each) * 1000
        if number.denominator != 1 or abs(number) > LARGEST:
            return 1
    return 1 if bounds.step is not None and Fraction(bounds.step) * 1000 < 1 else 1000


def _whole(amount: Exact, scale: int) -> int:
    """Return an amount as Quantity.Value() does: rounded up."""
    return int(-(-(Fraction(amount) * scale) // 1))
