"""Structured logs on stderr: an event with its fields, as JSON or as text.

In every line, kopf's and aiohttp's too: URLs in it have no user and no password.
"""

import json
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from lens import logqueue
from lens.bounds import LOG_LINE_BYTES
from lens.redaction import without_credentials, without_entries

dropped = logqueue.dropped
DROPPED_HELP = logqueue.HELP

_STDERR = 2

_KOPF_PROGRESS = ("kopf.activities", "kopf._core.reactor.running")

_log = logging.getLogger("lens.log")

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "settings"}


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, logger, event and its fields."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return without_credentials(_shortened(entry))


def _shortened(entry: Mapping[str, object]) -> str:
    """Return an entry as JSON of up to LOG_LINE_BYTES: of the longest values only the beginning."""
    line = _as_json(entry)
    if len(line) <= LOG_LINE_BYTES:
        return line
    texts = {name: value if isinstance(value, str) else _as_json(value) for name, value in entry.items()}
    while len(line) > LOG_LINE_BYTES:
        longest = max(texts, key=lambda name: len(texts[name]))
        half = len(texts[longest]) // 2
        if half < 2:
            break
        texts[longest] = f"{texts[longest][:half]}…"
        line = _as_json(texts)
    return line


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, default=str, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        # A number that is none, a key that is no text, what is within itself or too deep.
        if not isinstance(value, dict):
            return json.dumps(str(value))
        return json.dumps(
            {str(name): each if isinstance(each, str) else str(each) for name, each in value.items()}
        )


class TextFormatter(logging.Formatter):
    """One line for people; what it says can't break out of its line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time, level, event and its fields as name=value."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        fields = "".join(f" {name}={_as_json(value)}" for name, value in _fields(record).items())
        line = f"{time} {record.levelname.lower():7} {_printable(record.getMessage())}{fields}"
        traceback = self.formatException(record.exc_info).splitlines() if record.exc_info else ()
        return without_credentials("\n    ".join((line, *map(_printable, traceback))))


def _printable(text: str) -> str:
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def configure(level: str, form: Literal["json", "text"]) -> None:
    """Log from ``level`` on, what Python itself writes to stderr and kopf's lines included."""
    handler = logqueue.QueuedHandler(_STDERR)
    handler.addFilter(_kopf_at_debug)
    handler.addFilter(_without_entries)
    handler.addFilter(logqueue.Repeats())
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_thread


def _kopf_at_debug(record: logging.LogRecord) -> bool:
    """Show kopf's progress, and what Lens logs itself, at the level debug alone.

    Lens logs an outage of the apiserver once; kopf logs each attempt, and the logins that a 401 makes it do.
    Nor is it to handle the process's signals, which it warns of.
    """
    if not record.name.startswith("kopf"):
        return True
    is_request = record.module == "api"
    quiet = logging.WARNING if record.name.startswith(_KOPF_PROGRESS) else logging.INFO
    if record.levelno > quiet and not is_request:
        return True
    record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger().isEnabledFor(logging.DEBUG)


def _without_entries(record: logging.LogRecord) -> bool:
    """Keep a kubeconfig's secrets out of what the official client logs, by no logger of its own."""
    if record.name == "root":
        record.msg, record.args = without_entries(record.getMessage()), ()
    return True


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    if unraisable.exc_value is not None:
        _log.error("an exception was ignored", exc_info=unraisable.exc_value)


def _log_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        _log.error("a thread has ended", exc_info=arguments.exc_value)
