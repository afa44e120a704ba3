"""Quantities mean what Kubernetes means by them, to the last digit."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.model.k8s.quantity import LARGEST, MAX_DEVICES, device_count, parse


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("0", 0),
        ("0Ki", 0),
        ("-0", 0),
        ("8", 8),
        ("+8", 8),
        ("008", 8),
        ("1.5", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
        ("5.", 5),
        ("1.G", 10**9),
        ("100n", Fraction(1, 10**7)),
        ("100u", Fraction(1, 10**4)),
        ("100m", Fraction(1, 10)),
        ("1k", 1000),
        ("12M", 12 * 10**6),
        ("1G", 10**9),
        ("1T", 10**12),
        ("1P", 10**15),
        ("1E", 10**18),
        ("1Ki", 1024),
        ("1.5Gi", 1536 * 1024**2),
        ("2Ti", 2 * 1024**4),
        ("1Pi", 1024**5),
        ("7Ei", 7 * 1024**6),
        ("12e6", 12 * 10**6),
        ("12E6", 12 * 10**6),
        ("1e+3", 1000),
        ("123e-3", Fraction(123, 1000)),
        ("-3.01k", -3010),
        # The documentation's own: these two are one quantity, and so are these three.
        ("129e6", 129 * 10**6),
        ("129M", 129 * 10**6),
        ("128974848000m", 128974848),
        ("123Mi", 128974848),
        # Some writers leave the quotes away.
        (8, 8),
        (0.5, Fraction(1, 2)),
        (1e22, LARGEST),
    ],
)
def test_a_quantity_is_worth_what_kubernetes_says(quantity: str | float, value: Fraction) -> None:
    assert parse(quantity) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", " 1", "1 ", "1\n"),
        *("eight", ".", "+", "-", "--1", "1+1", "1.2.3", "1.1.M", ".5i", "-3.01i", "1K", "1ki", "1KI"),
        *("1i", "1mi", "1Mi1", "1e", "1e-", "e3", "1ee3", "1e3k", "1e1.5", "1e99999", "0x8", "1_000"),
        *("1,5", "NaN", "Infinity", "null", "\u0661"),
        "1" * 65,
    ],
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse(text)


def test_an_error_does_not_repeat_a_megabyte_of_garbage() -> None:
    with pytest.raises(ValueError, match="is not a quantity") as caught:
        parse("9" * 2**20)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("text", ["8Ei", "9Ei", "10E", "1e30", "9e9999", "9" * 64])
def test_quantities_are_capped_at_a_signed_64_bit_integer(text: str) -> None:
    assert parse(text) == LARGEST == 2**63 - 1
    assert parse(f"-{text}") == -LARGEST


def test_the_smallest_parts_are_not_lost() -> None:
    assert sum(parse("100m") for _ in range(10)) == 1
    assert sum(parse("1n") for _ in range(10**3)) == parse("1u")
    assert parse("1e-9999") > 0


@given(st.integers(0, 10**9), st.integers(0, 10**6), st.sampled_from(("m", "", "k", "M", "e3", "E-3")))
def test_a_decimal_point_moves_with_the_suffix(whole: int, millionths: int, suffix: str) -> None:
    thousands = {"m": -1, "": 0, "k": 1, "M": 2, "e3": 1, "E-3": -1}[suffix]
    expected = (whole + Fraction(millionths, 10**7)) * Fraction(1000) ** thousands
    assert parse(f"{whole}.{millionths:07}{suffix}") == expected


@pytest.mark.parametrize("quantity", ["8", "8000m", "0.8e1", 8, 8.0])
def test_a_whole_number_of_devices_is_an_integer(quantity: str | float) -> None:
    count = device_count(quantity)
    assert count == 8
    assert isinstance(count, int)


def test_a_part_of_a_device_is_kept_until_all_is_added() -> None:
    assert device_count("1.5") == Fraction(3, 2)


@pytest.mark.parametrize("quantity", ["-1", "-1m", -2])
def test_fewer_than_no_devices_are_refused(quantity: str | int) -> None:
    with pytest.raises(ValueError, match="is below 0"):
        device_count(quantity)


@pytest.mark.parametrize("quantity", ["9E", "1e30", "2147483648", MAX_DEVICES + 1])
def test_a_number_that_no_node_has_does_not_drown_the_figures(quantity: str | int) -> None:
    assert device_count(MAX_DEVICES) == MAX_DEVICES
    with pytest.raises(ValueError, match="more than any node has"):
        device_count(quantity)
