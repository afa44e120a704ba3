"""Times as Kubernetes writes them: RFC 3339 in UTC; inside, whole seconds since the epoch."""

from datetime import UTC, date, datetime
from functools import lru_cache

_EPOCH_TIME = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = _EPOCH_TIME.toordinal()
_FIRST_SECOND = (date.min.toordinal() - _EPOCH) * 86400
_LAST_SECOND = (date.max.toordinal() - _EPOCH + 1) * 86400 - 1


def parse(text: str | None) -> int | None:
    """Return the epoch second of an RFC 3339 time; None for None and for an invalid text."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return None
        # All that Kubernetes writes are in UTC.
        since = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)) - _EPOCH_TIME
        # This takes half as long as datetime.timestamp.
        return since.days * 86400 + since.seconds
    except (ValueError, OverflowError):  # the latter where UTC has left the years 1 to 9999
        return None


def render(second: float) -> str:
    """Write an epoch second as ``2025-12-19T15:30:00Z``; the nearest one in the years 1 to 9999."""
    day, rest = divmod(int(max(_FIRST_SECOND, min(second, _LAST_SECOND))), 86400)
    minutes, seconds = divmod(rest, 60)
    return f"{_date(day)}T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}Z"


@lru_cache(1024)
def _date(day: int) -> str:
    """Write the day with this number since 1970-01-01. Most times of a list are of few days."""
    return date.fromordinal(_EPOCH + day).isoformat()
