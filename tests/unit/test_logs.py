"""A line of the log is one event, whatever somebody else's words are in it."""

import io
import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest

from lens.bounds import LOG_LINE_BYTES, LOG_REPEATS, LOG_WINDOW_SECONDS
from lens.logqueue import QueuedHandler, Repeats, dropped
from lens.logs import JsonFormatter, TextFormatter

# What somebody would send to make a line of his own.
FORGED = 'x"\n12:00:00.000 error   all tokens are valid\r\n{"level": "error"}'


class Log:
    """A logger and what it wrote."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self._stream = io.StringIO()
        self._handler = logging.StreamHandler(self._stream)
        self._handler.setFormatter(formatter)
        self.logger = logging.Logger("lens.test")
        self.logger.addHandler(self._handler)

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()

    @property
    def entry(self) -> dict[str, Any]:
        (line,) = self.lines
        entry: dict[str, Any] = json.loads(line)
        return entry


def raised(message: str) -> RuntimeError:
    """Return an exception that has been raised, so that it has a traceback."""
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError(message)
    return caught.value


@pytest.fixture
def as_json() -> Log:
    """Return a log of JSON."""
    return Log(JsonFormatter())


@pytest.fixture
def as_text() -> Log:
    """Return a log for people."""
    return Log(TextFormatter())


def test_an_entry_is_an_event_with_its_fields(as_json: Log) -> None:
    as_json.logger.warning(
        "an object is left out", extra={"resource": "pods", "count": 3, "names": ["a", "b"]}
    )
    entry = as_json.entry
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "warning",
        "logger": "lens.test",
        "event": "an object is left out",
        "resource": "pods",
        "count": 3,
        "names": ["a", "b"],
    }


def test_arguments_are_in_the_event(as_json: Log) -> None:
    as_json.logger.info("%s of %d", "one", 2)
    assert as_json.entry["event"] == "one of 2"


def test_what_json_does_not_know_is_written_all_the_same(as_json: Log) -> None:
    as_json.logger.info("event", extra={"error": ValueError("no"), "where": {1}})
    assert as_json.entry["error"] == "no"
    assert as_json.entry["where"] == "{1}"


def test_what_json_can_not_write_is_text(as_json: Log) -> None:
    within: list[object] = []
    within.append(within)
    fields = {"share": float("nan"), "by": {("a", 1): 2}, "within": within}
    as_json.logger.info("event", extra=fields)
    assert "NaN" not in as_json.lines[0]
    assert as_json.entry["event"] == "event"
    assert (as_json.entry["share"], as_json.entry["by"]) == ("nan", "{('a', 1): 2}")


@pytest.mark.parametrize("filling", ["x", "\U0001f600", '"'])
def test_a_line_of_any_length_is_json_within_its_bound(as_json: Log, filling: str) -> None:
    text = filling * 100_000
    as_json.logger.error("a %s", text, extra={"node": "node-1", "error": text, "list": [text]})
    (line,) = as_json.lines
    assert LOG_LINE_BYTES / 4 < len(line) <= LOG_LINE_BYTES
    assert as_json.entry["node"] == "node-1"
    assert as_json.entry["level"] == "error"
    assert as_json.entry["error"].startswith(filling * 100)


def test_nobody_breaks_out_of_a_json_line(as_json: Log) -> None:
    as_json.logger.info(FORGED, extra={"path": FORGED, "separators": "\u2028\x85\x1b[2J"})
    assert as_json.entry["event"] == as_json.entry["path"] == FORGED
    assert as_json.lines[0].isascii()
    assert as_json.lines[0].isprintable()


def test_an_exception_is_in_its_entry(as_json: Log) -> None:
    as_json.logger.error("kopf has ended", exc_info=raised(FORGED))
    entry = as_json.entry
    assert (entry["level"], entry["event"]) == ("error", "kopf has ended")
    assert entry["exception"].startswith("Traceback (most recent call last):")
    assert entry["exception"].endswith(f"RuntimeError: {FORGED}")


def test_a_line_for_people_has_time_level_event_and_fields(as_text: Log) -> None:
    as_text.logger.warning("an object is left out", extra={"object": "team/train-0", "count": 3})
    (line,) = as_text.lines
    time, rest = line.split(" ", 1)
    assert len(time) == len("12:00:00.000")
    assert rest == 'warning an object is left out object="team/train-0" count=3'


def test_nobody_breaks_out_of_a_line_for_people(as_text: Log) -> None:
    as_text.logger.info(FORGED, extra={"path": FORGED})
    (line,) = as_text.lines
    assert line.isprintable()


def test_an_exception_for_people_comes_below_its_line(as_text: Log) -> None:
    as_text.logger.error("kopf has ended", exc_info=raised("the end"))
    assert as_text.lines[0].endswith("error   kopf has ended")
    assert as_text.lines[1] == "    Traceback (most recent call last):"
    assert as_text.lines[-1] == "    RuntimeError: the end"


def filled(repeats: Repeats, message: str, count: int) -> int:
    """Return how many lines of a kind come through."""
    records = (
        logging.makeLogRecord({"name": "lens.test", "msg": message, "args": (number,)})
        for number in range(count)
    )
    return sum(repeats.filter(record) for record in records)


def test_lines_that_are_alike_come_so_often_and_then_are_counted() -> None:
    now = 0.0
    repeats = Repeats(lambda: now)
    before = dropped["repeated"]
    assert filled(repeats, "an object is left out: %s", 1000) == LOG_REPEATS
    assert dropped["repeated"] - before == 1000 - LOG_REPEATS
    assert filled(repeats, "another", 1) == 1
    now += LOG_WINDOW_SECONDS + 1
    record = logging.makeLogRecord({"name": "lens.test", "msg": "an object is left out: %s", "args": (1,)})
    assert repeats.filter(record)
    assert vars(record)["more_alike"] == 1000 - LOG_REPEATS


def test_lines_that_are_all_different_are_bounded_too() -> None:
    repeats = Repeats(lambda: 0.0)
    assert sum(filled(repeats, f"object {number}", 1) for number in range(10_000)) < 2000


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return both ends of a pipe that refuses what it has no room for."""
    ends = os.pipe()
    os.set_blocking(ends[1], False)
    yield ends
    for end in ends:
        os.close(end)


def queued(handler: QueuedHandler, *messages: str) -> None:
    """Log messages, and wait until they are written or lost."""
    handler.setFormatter(JsonFormatter())
    for message in messages:
        handler.emit(logging.makeLogRecord({"name": "lens.test", "msg": message}))
    handler.flush()


def test_lines_that_a_full_disk_takes_no_more_are_counted_and_told(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    stderr = os.open("/dev/full", os.O_WRONLY)
    handler, before = QueuedHandler(stderr), dropped["failed"]
    queued(handler, "one", "two")
    queued(handler, "three")
    assert dropped["failed"] - before == 3
    os.dup2(writing, stderr)
    queued(handler, "four")
    first, second = map(json.loads, os.read(reading, 10_000).splitlines())
    assert first["event"] == "four"
    assert (second["logger"], second["count"]) == ("lens.log", 3)
    assert dropped["failed"] - before == 3
    os.close(stderr)


def test_after_a_line_that_was_written_in_part_another_one_begins(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    handler, before = QueuedHandler(writing), dropped["failed"]
    queued(handler, *["x" * 40_000] * 2)
    assert dropped["failed"] - before == 1
    part = os.read(reading, 2 * LOG_LINE_BYTES)
    assert not part.endswith(b"\n")
    queued(handler, "whole")
    assert os.read(reading, 10_000).startswith(b"\n")
    queued(handler, "whole too")
    assert json.loads(os.read(reading, 10_000))["event"] == "whole too"


WITH_PASSWORD = "https://somebody:p@ss:w\\rd@kube.example:6443/api?watch=true"


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_no_line_of_anybodys_shows_the_password_in_an_url(formatter: logging.Formatter) -> None:
    log = Log(formatter)
    log.logger.error(
        "no answer of %s", WITH_PASSWORD, extra={"url": WITH_PASSWORD}, exc_info=raised(WITH_PASSWORD)
    )
    log.logger.warning("listing", extra={"urls": [WITH_PASSWORD], "error": RuntimeError(WITH_PASSWORD)})
    written = "\n".join(log.lines)
    assert written.count("https://kube.example:6443/api") == 5
    assert "somebody" not in written
    assert "ss:w" not in written


@pytest.mark.parametrize(
    "text",
    ["mail to a@b", "https://host/a@b", "https://host?a@b", '"https://host" "a@b"', "a://b c@d", "@://"],
)
def test_what_is_no_password_stays_in_its_line(as_json: Log, text: str) -> None:
    as_json.logger.info(text)
    assert as_json.entry["event"] == text
