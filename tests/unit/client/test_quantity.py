"""Durations and sizes as kubectl writes them."""

import pytest

from lens_client.output.quantity import duration, epoch, size


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (599, "9m59s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (12_600, "3h30m"),
        (28_799, "7h59m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (691_200, "8d"),
        (63_072_000, "2y"),
        (63_158_400, "2y1d"),
        (283_824_000, "9y"),
        (-5, "0s"),
    ],
)
def test_a_duration_is_kubectl_s(seconds: int, expected: str) -> None:
    """By k8s.io/apimachinery's HumanDuration."""
    assert duration(seconds) == expected


def test_sizes_and_times() -> None:
    """Binary units with one decimal."""
    assert [size(n) for n in (0, 1023, 1024, 85_899_345_920, 2**51)] == [
        "0",
        "1023",
        "1.0Ki",
        "80.0Gi",
        "2.0Pi",
    ]
    assert epoch("1970-01-01T00:01:00Z") == 60
