"""Kubernetes quantities, read exactly.

Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from fractions import Fraction
from functools import lru_cache

from lens.model.k8s.bounds import shown

Quantity = str | int | float
"""A quantity as JSON carries it: a string from an apiserver, a plain number from some other writers."""

Exact = int | Fraction
"""An exact value. The scheduler rounds up once, after adding everything."""

LARGEST = 2**63 - 1
"""The magnitude at which Kubernetes caps a quantity."""

MAX_DEVICES = 2**31 - 1
"""More devices than any node has. An apiserver takes a pod that asks for ``1e30``; the scheduler, whose
integers that overflows, gives it none."""

_FORM = re.compile(
    r"(?P<sign>[+-]?)(?P<digits>\d{1,64}(?:\.\d{0,64})?|\.\d{1,64})"
    r"(?:(?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<exponent>[+-]?\d{1,4}))?",
    re.ASCII,
)

_SUFFIXES = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    **{letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", start=1)},
}


def parse(quantity: Quantity) -> Fraction:
    """Return the exact value, capped as Kubernetes caps it. Raise ValueError for what is no quantity."""
    match = _FORM.fullmatch(quantity if isinstance(quantity, str) else str(quantity))
    if match is None:
        raise ValueError(f"{shown(quantity)} is not a quantity")
    value = Fraction(match["digits"]) * _SUFFIXES[match["suffix"] or ""]
    if match["exponent"]:
        # Past 10**±99 the cap or the rounding decides, whatever the digits.
        value *= Fraction(10) ** max(-99, min(99, int(match["exponent"])))
    value = min(value, Fraction(LARGEST))
    return -value if match["sign"] == "-" else value


@lru_cache(maxsize=1024)
def is_zero(quantity: Quantity) -> bool:
    """Return whether a quantity is 0. What is no quantity isn't."""
    try:
        return parse(quantity) == 0
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def device_count(quantity: Quantity) -> Exact:
    """Return a number of devices. Raise ValueError for what is no quantity, below 0 or over MAX_DEVICES."""
    if isinstance(quantity, str) and quantity.isascii() and quantity.isdigit() and len(quantity) < 10:
        return int(quantity)
    value = parse(quantity)
    if value < 0:
        raise ValueError(f"{quantity!r:.80} is below 0")
    if value > MAX_DEVICES:
        raise ValueError(f"{quantity!r:.80} is more than any node has")
    return value.numerator if value.denominator == 1 else value
