"""Times as Kubernetes writes them: RFC 3339 in UTC; inside, whole seconds since the epoch."""

from datetime import UTC, datetime


def parse(text: str | None) -> int | None:
    """Return the epoch second of an RFC 3339 time, or None for none and for what can't be read."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return None
        return int(moment.astimezone(UTC).timestamp())
    except (ValueError, OverflowError):  # the latter where UTC has left the years 1 to 9999
        return None


def render(second: float) -> str:
    """Write an epoch second as ``2025-12-19T15:30:00Z``."""
    return datetime.fromtimestamp(int(second), UTC).isoformat().replace("+00:00", "Z")
