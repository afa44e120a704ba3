"""Pauses grow up to a bound, and start anew after a success."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lens.concurrency.backoff import Backoff


@given(st.floats(0.01, 10), st.floats(1, 1000), st.integers(1, 40))
def test_pauses_double_up_to_the_longest(first: float, factor: float, attempts: int) -> None:
    longest = first * factor
    backoff = Backoff(first, longest)
    pauses = [backoff.next() for _ in range(attempts)]
    assert pauses[0] == first
    assert all(after in (2 * before, longest) for before, after in itertools.pairwise(pauses))
    assert max(pauses) <= longest
    backoff.reset()
    assert backoff.next() == first
