"""Holds all that clients saw against the log of what was written, and of who had which right.

An answer says how old it is, by its timestamp. It has to show every write that was answered before that
moment, and nothing that was undone before it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from tests.chaos.churn import Written
from tests.chaos.clients import Listed, Streamed
from tests.chaos.tenant import OWN, Revoked, Shown

GRANTED_S = 34.0
"""A review may take 3 s, and is good for 30 s."""


def wrong_answers(answers: Iterable[Listed], log: Mapping[str, Written], lag_s: float) -> Iterator[str]:
    """Find answers that are older than they say by more than ``lag_s``, or that have a pod twice."""
    for answer in answers:
        who = f"replica {answer.replica}, asked at {answer.sent:.2f}"
        for name, number in Counter(answer.names).items():
            if number > 1:
                yield f"{who}: {name} {number} times"
        names = set(answer.names)
        known = min(answer.current_at, answer.sent) - lag_s
        for each in log.values():
            if each.created < known and each.delete_sent > answer.came and each.name not in names:
                yield f"{who}: {each.name} is missing, {answer.current_at - each.created:.1f} s after it came"
            if each.deleted < known and each.name in names:
                yield f"{who}: {each.name} is there, {answer.current_at - each.deleted:.1f} s after it went"


def wrong_streams(streams: Iterable[Streamed], now: Iterable[str]) -> Iterator[str]:
    """Find streams whose changes don't add up to what there is, once all is quiet."""
    there = set(now)
    for stream in streams:
        yield from (f"stream of replica {stream.replica}: {each}" for each in stream.problems)
        for name in sorted(there ^ set(stream.tasks)):
            problem = "missing" if name in there else "left over"
            yield f"stream of replica {stream.replica}: {name} is {problem}"


def wrong_shows(shown: Iterable[Shown], revoked: Iterable[Revoked]) -> Iterator[str]:
    """Find answers of 200 to who had no right to them."""
    times = tuple(revoked)
    for each in shown:
        asked = f"asked for {each.what or 'all'} at {each.sent:.2f}"
        if each.what != OWN:
            yield f"the tenant, {asked}: 200"
            continue
        if others := each.namespaces - {OWN.partition("=")[2]}:
            yield f"the tenant, {asked}: tasks of {', '.join(sorted(others))}"
        for time in times:
            if time.taken + GRANTED_S < each.sent and each.came < time.given:
                yield f"the tenant, {asked}: 200, {each.sent - time.taken:.1f} s after its right was taken"
