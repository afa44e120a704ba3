"""Times are read as Kubernetes writes them, and an odd one is no time rather than a failure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lens.model.k8s import timestamps

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2025-12-19T15:30:00Z", 1766158200),
        ("2025-12-19T15:30:00.999999Z", 1766158200),
        ("2025-12-19T16:30:00+01:00", 1766158200),
        ("0001-01-01T00:00:00Z", -62135596800),
        ("9999-12-31T23:59:59Z", 253402300799),
    ],
)
def test_a_time_is_its_second(text: str, second: int) -> None:
    assert timestamps.parse(text) == second


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "yesterday", "1766158200", "2025-12-19", "2025-12-19T15:30:00"),
        *("2025-13-01T00:00:00Z", "2025-12-19T25:00:00Z", "2025-12-19T15:30:00+24:00"),
        *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"),
        *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    ],
)
def test_what_is_no_time_in_utc_is_none(text: str | None) -> None:
    assert timestamps.parse(text) is None


RFC3339 = r"\A[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](Z|[+-][0-2][0-9]:[0-5][0-9])\Z"


@given(st.text() | st.from_regex(RFC3339))
def test_every_text_can_be_shown_again_or_is_none(text: str) -> None:
    second = timestamps.parse(text)
    if second is not None:
        assert timestamps.parse(timestamps.render(second)) == second


@given(st.integers(-62135596800, 253402300799))
def test_a_time_is_written_as_kubernetes_writes_it(second: int) -> None:
    written = timestamps.render(second)
    assert len(written) == len("2025-12-19T15:30:00Z")
    assert datetime.strptime(written, "%Y-%m-%dT%H:%M:%S%z") == EPOCH + timedelta(seconds=second)


def test_parts_of_a_second_are_not_shown() -> None:
    assert timestamps.render(1766158200.999) == "2025-12-19T15:30:00Z"
    assert timestamps.render(-62135596800) == "0001-01-01T00:00:00Z"
