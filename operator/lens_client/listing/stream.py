"""The API's stream, opened again when it breaks."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lens_client.api.client import ApiError
from lens_client.api.events import Event
from lens_client.context import Context
from lens_client.exits import CommandError
from lens_client.output.text import one_line

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 30.0
"""Seconds before a stream is opened again, doubled each time; the first is the server's `retry`."""

_REFUSED = frozenset({400, 401, 403, 404})


def events(context: Context, query: Mapping[str, Any], on_break: Callable[[str], None]) -> Iterator[Event]:
    """Yield the stream's events without an end. Raise CommandError if it can't be opened, or is refused.

    After a break there is a snapshot, or the changes that were missed. ``on_break`` gets the problem.
    """
    last_id: str | None = None
    pause, opened = _FIRST_PAUSE, False
    while True:
        try:
            with context.lens.events(query, last_id) as stream:
                for event in stream:
                    opened, pause = True, _FIRST_PAUSE
                    last_id = event.id or last_id
                    yield event
            problem = "Lens has ended the stream"
        except CommandError as error:
            if not opened or (isinstance(error, ApiError) and error.http_status in _REFUSED):
                raise
            problem = str(error)
        problem = f"{one_line(problem)}; trying again in {pause:g} s"
        on_break(problem)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
