"""Times as Kubernetes writes and shows them."""

from datetime import datetime, timedelta


def rfc3339(at: datetime) -> str:
    """Return a UTC time as metav1.Time is written: whole seconds and Z."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def age(since: str, now: datetime) -> str:
    """Return how long ago an RFC 3339 time was, in kubectl's words (k8s.io/apimachinery duration.go)."""
    left = max(now - datetime.fromisoformat(since), timedelta())
    days, hours, minutes = left.days, left.seconds // 3600, left.seconds // 60 % 60
    if days >= 8:
        return f"{days}d"
    if days >= 2:
        return f"{days}d{hours}h"
    if hours + 24 * days >= 8:
        return f"{hours + 24 * days}h"
    if hours >= 3:
        return f"{hours}h{minutes}m"
    if minutes + 60 * hours >= 2:
        return f"{minutes + 60 * hours}m"
    return f"{left.seconds}s"
