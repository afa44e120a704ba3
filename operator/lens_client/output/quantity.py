"""Times and bytes as kubectl writes them; everything else is written as the API has it."""

import calendar
import re
import time

_TIME = re.compile(r"[0-9T:-]{19}(?:\.[0-9]+)?Z")


def duration(seconds: float | None) -> str:
    """Return a duration as kubectl's tables have it: ``45s``, ``2m30s``, ``3h``, ``4d2h``, ``1y20d``.

    What is unknown is "-". The steps are those of HumanDuration in k8s.io/apimachinery/pkg/util/duration.
    """
    if seconds is None:
        return "-"
    whole = int(max(seconds, 0))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def size(number: int | None) -> str:
    """Return "-" for what is unknown, else bytes as a Kubernetes quantity with one decimal: ``58.3Gi``."""
    if number is None:
        return "-"
    value = float(number)
    for unit in ("", "Ki", "Mi", "Gi", "Ti"):
        if value < 1024:
            return f"{value:.1f}{unit}" if unit else str(number)
        value /= 1024
    return f"{value:.1f}Pi"


def epoch(timestamp: str) -> float | None:
    """Return an RFC 3339 time of the API, in seconds since 1970; None for what isn't one."""
    try:
        whole = time.strptime(f"{timestamp[:19]}Z", "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None
    return float(calendar.timegm(whole)) if _TIME.fullmatch(timestamp) else None


def _two(first: int, unit: str, second: int, small: str) -> str:
    return f"{first}{unit}{second}{small}" if second else f"{first}{unit}"
