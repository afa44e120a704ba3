"""Quantities in CEL: a map with one key, in a form that is equal where they are.

Source: k8s.io/apimachinery, pkg/api/resource (``ParseQuantity``, ``int64Amount``), and k8s.io/apiserver,
pkg/cel/library/quantity.go. Kubernetes decides by the form in which it stores a quantity, not by its value:
``1000m`` is no whole number, nor is ``1.5Gi``. Lens stores values alone. So if an expression asks for whole
numbers, a whole one that Kubernetes stores in another form is an error with UNKNOWN_FORM.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import Any

from lens.model.fit.dra.cel.bounds import BEYOND, UNKNOWN_FORM
from lens.model.k8s.quantity import LARGEST

QUANTITY = "kubernetes.Quantity"

Value = Mapping[str, Any]

_FORM = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<part>[0-9]*))?"
    r"(?:(?P<binary>[KMGTPE])i|(?P<decimal>[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]+))?",
    re.ASCII,
)
_POWERS = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY_POWERS = {letter: 10 * power for power, letter in enumerate("KMGTPE", start=1)}

_MAX_DIGITS, _MAX_BINARY_DIGITS = 18, 15
"""The digits that Kubernetes stores as a 64-bit integer and a power of ten."""

_LONGEST, _MAX_EXPONENT, _MAX_INT64 = 256, 99, 2**63

_LARGEST_CAPACITY = 10**14
"""From this amount on Kubernetes doesn't store all whole capacities as integers, for example 100Ti."""


def is_quantity(text: str) -> bool:
    """Return whether a text is a quantity. Raise ValueError for one that is beyond the bounds."""
    try:
        _read(text)
    except NoQuantityError:
        return False
    return True


def capacity(amount: int | Fraction, *, integers: bool) -> Value:
    """Return a device's capacity. Raise ValueError, with ``integers``, for one with UNKNOWN_FORM."""
    exact = Fraction(amount)
    if integers and exact.denominator == 1 and abs(exact) >= _LARGEST_CAPACITY:
        raise ValueError(f"{exact}: {UNKNOWN_FORM}")
    return _value(exact)


class NoQuantityError(ValueError):
    """A text is no quantity."""

    def __init__(self, text: str) -> None:
        """Take the text."""
        super().__init__(f"{text!r:.80} is not a quantity")


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[Fraction, bool]:
    """Return a quantity, and whether Kubernetes stores it as an integer. Raise ValueError."""
    match = _FORM.fullmatch(text) if text else None
    if match is None:
        raise NoQuantityError(text)
    power = _exponent(match)
    if len(text) > _LONGEST or abs(power) > _MAX_EXPONENT:
        raise ValueError(f"{text!r:.80}: {BEYOND}")
    whole, part = match["whole"].lstrip("0") or "0", match["part"] or ""
    digits, scale = int(whole + part), _POWERS.get(match["decimal"] or "", power) - len(part)
    amount = digits * Fraction(10) ** scale
    binary = _BINARY_POWERS.get(match["binary"] or "", 0)
    if binary:
        amount *= 2**binary
        is_kept = not part and _MAX_BINARY_DIGITS - len(whole) - binary * 3 // 10 - 1 >= 0
    else:
        is_kept = len(whole) + len(part) <= _MAX_DIGITS and scale >= _POWERS["n"]
    if not is_kept:
        if not match["whole"] and not part:
            raise NoQuantityError(text)
        # Rounded up to the next billionth, away from zero.
        amount = Fraction(ceil(amount * 10**9), 10**9)
        amount = min(amount, Fraction(LARGEST)) if binary else amount
    return (-amount if match["sign"] == "-" else amount), is_kept and scale >= 0


def _exponent(match: re.Match[str]) -> int:
    text = match["exponent"] or "0"
    if len(text) > _LONGEST:
        raise ValueError(f"{text!r:.80}: {BEYOND}")
    return int(text)


class Functions:
    """Functions that return quantities. ``integers``: the expression asks whether they are whole numbers."""

    def __init__(self, integers: bool) -> None:
        """Take whether the form of whole numbers matters."""
        self._integers = integers

    def quantity(self, text: str) -> Value:
        """Return a quantity. Raise ValueError for another text, and for one with UNKNOWN_FORM."""
        amount, is_integer = _read(text)
        return self._checked(amount, is_integer)

    def add(self, value: Value, other: Value) -> Value:
        """Return the sum of two quantities."""
        return self._sum(_amount(value), _amount(other))

    def subtract(self, value: Value, other: Value) -> Value:
        """Return the difference of two quantities."""
        return self._sum(_amount(value), -_amount(other))

    def add_number(self, value: Value, other: int) -> Value:
        """Return the sum of a quantity and a number."""
        return self._sum(_amount(value), Fraction(other))

    def subtract_number(self, value: Value, other: int) -> Value:
        """Return the difference of a quantity and a number."""
        return self._sum(_amount(value), Fraction(-other))

    def _sum(self, amount: Fraction, other: Fraction) -> Value:
        return self._checked(amount + other, _is_integer(amount) and _is_integer(other))

    def _checked(self, amount: Fraction, is_integer: bool) -> Value:
        if self._integers and _is_integer(amount) and not is_integer:
            raise ValueError(f"{amount}: {UNKNOWN_FORM}")
        return _value(amount)


def as_integer(value: Value) -> int:
    """Return a quantity as a whole number. Raise ValueError if it is none."""
    amount = _amount(value)
    if not _is_integer(amount):
        raise ValueError("cannot convert value to integer")
    return amount.numerator


def is_integer(value: Value) -> bool:
    """Return whether a quantity is a whole number."""
    return _is_integer(_amount(value))


def as_float(value: Value) -> float:
    """Return a quantity as a floating-point number."""
    return float(_amount(value))


def sign(value: Value) -> int:
    """Return a quantity's sign."""
    amount = _amount(value)
    return (amount > 0) - (amount < 0)


def compare(value: Value, other: Value) -> int:
    """Return -1, 0 or 1 for two quantities."""
    mine, theirs = _amount(value), _amount(other)
    return (mine > theirs) - (mine < theirs)


def _is_integer(amount: Fraction) -> bool:
    return amount.denominator == 1 and -_MAX_INT64 <= amount.numerator < _MAX_INT64


def _value(amount: Fraction) -> Value:
    return {QUANTITY: f"{amount.numerator}/{amount.denominator}"}


def _amount(value: Value) -> Fraction:
    text = value.get(QUANTITY)
    if not isinstance(text, str):
        raise TypeError("no such overload")
    return Fraction(text)
