"""Utilization is that of the whole window, and never that of another time."""

from hypothesis import given
from hypothesis import strategies as st

from lens.agent.gpu.nvml import valid_percent
from lens.agent.gpu.utilization import SampleMean, mean_since

SAMPLES = st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 100)), max_size=80)


def test_a_burst_between_two_readings_is_not_missed() -> None:
    quiet = [(second * 200_000, 0) for second in range(1, 21)]
    burst = [(at + 4_000_000, 100) for at, _ in quiet[:5]]
    assert mean_since([*quiet, *burst], 0) == SampleMean(20.0, 5.0, 5_000_000)


def test_what_was_seen_before_does_not_count_again() -> None:
    assert mean_since([(1_000_000, 90), (2_000_000, 10), (3_000_000, 20)], 1_000_000) == SampleMean(
        15.0, 2.0, 3_000_000
    )


def test_nothing_new_is_no_utilization_rather_than_none_of_it() -> None:
    assert mean_since([], 5) is None
    assert mean_since([(5, 40)], 5) is None


def test_garbage_samples_are_left_out() -> None:
    assert mean_since([(10, 4_000_000_000), (20, 50)], 0) == SampleMean(50.0, 0.0, 20)
    assert mean_since([(10, 4_000_000_000)], 0) is None


@given(SAMPLES, st.integers(0, 10**9))
def test_a_mean_lies_between_the_least_and_the_most(samples: list[tuple[int, int]], seen: int) -> None:
    found = mean_since(samples, seen)
    fresh = [value for at, value in samples if at > seen]
    assert (found is None) == (not fresh)
    if found is not None:
        assert min(fresh) <= found.mean <= max(fresh)
        assert found.newest > seen
        assert found.seconds >= 0


@given(st.floats())
def test_a_share_is_between_0_and_100_or_unknown(value: float) -> None:
    share = valid_percent(value)
    assert share is None or 0 <= share <= 100
    if 0 <= value <= 100:
        assert share is not None
        assert abs(share - value) <= 0.05
