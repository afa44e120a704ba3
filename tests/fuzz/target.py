"""What a fuzz target is: a decoder of others' data, which any bytes at all may reach."""

from collections.abc import Callable
from typing import NamedTuple

Decode = Callable[[bytes], object]


class Target(NamedTuple):
    """A decoder by its name.

    ``decode`` takes bytes and raises nothing, but for a defect: what a decoder may refuse by its contract is
    caught in it. ``longest`` is how long an input may be in reality, in bytes: time is looked at up to there.
    """

    name: str
    decode: Decode
    longest: int


TARGETS: dict[str, Target] = {}
"""All of them by name."""


def target(name: str, *, longest: int = 2**18) -> Callable[[Decode], Decode]:
    """Declare a decoder as the target of this name."""

    def declare(decode: Decode) -> Decode:
        assert name not in TARGETS
        TARGETS[name] = Target(name, decode, longest)
        return decode

    return declare
