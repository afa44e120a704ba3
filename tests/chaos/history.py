"""Holds all that clients saw against the log of what was written.

An answer says how old it is, by its timestamp. It has to show every write that was answered before that
moment, and nothing that was undone before it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from tests.chaos.churn import Written
from tests.chaos.clients import Listed, Streamed

SILENCE_S = 40.0
"""A watch that says nothing may be taken for a quiet cluster for so long."""


def wrong_answers(
    answers: Iterable[Listed], log: Mapping[str, Written], silence_s: float = SILENCE_S
) -> Iterator[str]:
    """Find answers that are older than they say, or that have a pod twice."""
    for answer in answers:
        who = f"replica {answer.replica}, asked at {answer.sent:.2f}"
        for name, number in Counter(answer.names).items():
            if number > 1:
                yield f"{who}: {name} {number} times"
        names = set(answer.names)
        # What it says of its age, and the silence that it can't know of.
        known = min(answer.current_at, answer.sent) - silence_s
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
