"""Inputs whose time grows faster than their length: pieces of a corpus repeated, and the time looked at.

An input is taken apart into a beginning, a piece and an end, and the piece is repeated until the whole is
twice as long as before, and again. Twice the length may cost twice the time. It is a finding if three
doublings in a row cost more than 2.5 times as much each, and it takes long enough to be measured at all.
"""

import contextlib
import math
import random
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.fuzz.target import Decode, Target

SHORTEST = 2**10
DOUBLINGS = 3
FACTOR = 2.5
SUSPECT = 1.4
LOOKED_AT = 5
"""What by its fifth length doesn't grow by this exponent is left, but for one in 16: there are others."""

MIN_S = 0.02
"""A time below that says nothing."""

ENOUGH_S = 0.4
"""When all lengths by now have taken so long, nothing longer is tried."""

PIECES = (1, 2, 3, 4, 8, 16, 40)
"""Lengths of what is repeated."""


class Growth(NamedTuple):
    """An input for which the time has grown so fast: with this exponent, up to these seconds."""

    data: bytes
    exponent: float
    seconds: float


def look(target: Target, corpus: Sequence[bytes], chance: random.Random, until: float) -> Iterator[Growth]:
    """Try pieces of the corpus by chance until a moment; give what grows too fast."""
    while corpus and time.monotonic() < until:
        data = chance.choice(corpus)
        at, size = chance.randrange(len(data) + 1), chance.choice(PIECES)
        beginning, piece = data[:at], data[at : at + size]
        if piece:
            end = data[at + size :] if chance.random() < 0.5 else b""
            growth = measure(target, beginning, piece, end, until, is_patient=chance.random() < 1 / 16)
            if growth is not None:
                yield growth


def measure(
    target: Target, beginning: bytes, piece: bytes, end: bytes, until: float, *, is_patient: bool = True
) -> Growth | None:
    """Repeat a piece to ever greater lengths; return what was found, if it has grown too fast."""
    times: list[float] = []
    length = max(SHORTEST, len(beginning) + len(end))
    while length <= target.longest and time.monotonic() < until:
        data = beginning + piece * (length // len(piece)) + end
        times.append(_seconds(target.decode, data, 1 if len(times) > DOUBLINGS else 2))
        if len(times) > DOUBLINGS:
            factors = [later / earlier for earlier, later in pairwise(times[-1 - DOUBLINGS :])]
            exponent = math.log2(math.prod(factors)) / DOUBLINGS
            is_fast = times[-1] >= MIN_S and min(factors) > FACTOR
            # Once more: somebody else may have had the processor's caches.
            if is_fast and _seconds(target.decode, data) > times[-1] / 2:
                return Growth(data, exponent, times[-1])
            if len(times) == LOOKED_AT and exponent < SUSPECT and not is_patient:
                break
        if sum(times) > ENOUGH_S:
            break
        length *= 2
    return None


def _seconds(decode: Decode, data: bytes, times: int = 2) -> float:
    """Return the processor time that an input takes, the least of some."""
    least = math.inf
    for _ in range(times):
        began = time.thread_time()
        with contextlib.suppress(Exception):  # what must not be raised is for the fuzzer to find
            decode(data)
        least = min(least, time.thread_time() - began)
        if least > ENOUGH_S:
            break
    return max(least, 1e-6)
