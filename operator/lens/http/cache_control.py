"""The max-age of a Cache-Control field (RFC 9111, 5.2)."""

import re
from collections.abc import Collection
from math import inf

from multidict import MultiMapping

_MAX_AGE = re.compile(r"max-age=(\d{1,9})", re.ASCII)


def max_age_of_request(headers: MultiMapping[str]) -> float:
    """Return the age in seconds from which on a request with these headers accepts no cached response."""
    return _max_age(headers, ("no-cache",))


def max_age_of_response(headers: MultiMapping[str]) -> float:
    """Return the age in seconds to which a response with these headers may be cached; inf without one."""
    return _max_age(headers, ("no-cache", "no-store"))


def _max_age(headers: MultiMapping[str], none: Collection[str]) -> float:
    limit = inf
    for directive in ",".join(headers.getall("Cache-Control", ())).lower().split(","):
        directive = directive.strip()
        if directive in none:
            return 0.0
        if match := _MAX_AGE.fullmatch(directive):
            limit = min(limit, float(match[1]))
    return limit
