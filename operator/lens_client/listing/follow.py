"""The stream as a watch follows it: until Ctrl+C, or until the figures are older than --max-age."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lens_client.api.events import Event
from lens_client.context import Context
from lens_client.listing import stream
from lens_client.listing.printer import Printer


@contextmanager
def followed(context: Context, printer: Printer, query: Mapping[str, Any]) -> Iterator[Iterator[Event]]:
    """Yield the stream's events, which end when the figures are older than --max-age.

    At that end, and at Ctrl+C, the last line has their age.
    """
    following = _Following(context, printer)
    try:
        yield following.events(query)
    except KeyboardInterrupt:
        printer.end_line()
        if following.data is not None:
            printer.age(following.data["timestamp"], following.data.get("age_seconds"))
        raise


class _TooOldError(Exception):
    """The figures have become too old while no stream was open."""


class _Following:
    """The last event's ``data``, and when it was received."""

    def __init__(self, context: Context, printer: Printer) -> None:
        self._context, self._printer = context, printer
        self.data: Mapping[str, Any] | None = None
        self._received_at = time.monotonic()

    def events(self, query: Mapping[str, Any]) -> Iterator[Event]:
        try:
            for event in stream.events(self._context, query, self._report):
                self.data, self._received_at = event.data, time.monotonic()
                self._printer.has_shown_old = False
                yield event
                age = event.data.get("age_seconds")
                if self._context.is_old(age):
                    self._printer.too_old(event.data["timestamp"], age)
                    return
        except _TooOldError:
            return

    def _report(self, problem: str) -> None:
        """Print why the stream is broken. Raise _TooOldError if its figures are too old by now."""
        self._printer.note(problem)
        age = None if self.data is None else self.data.get("age_seconds")
        if self._context.is_old(None if age is None else age + time.monotonic() - self._received_at):
            raise _TooOldError
