"""The loop: events of the stream in, keys in, frames out."""

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from lens_client.context import Context
from lens_client.exits import STALE, YES, CommandError
from lens_client.listing import stream
from lens_client.output.quantity import epoch
from lens_client.output.table import Column
from lens_client.output.terminal import describe
from lens_client.screen.draw import draw, page
from lens_client.screen.state import State
from lens_client.screen.tty import Screen, SignalledError, can_show

FRAME_SECONDS = 0.5
"""The shortest time between two frames that changes of the figures cause; keys are answered at once."""

_HEARTBEAT_SECONDS = 11.0
"""Without a change there is a heartbeat every 10 s; beyond it the figures' age is counted on here."""


class _StreamThread(threading.Thread):
    """Reads the stream in a thread, since a screen waits for keys too."""

    def __init__(self, context: Context, query: Mapping[str, Any], screen: Screen) -> None:
        super().__init__(daemon=True)
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._context, self._query, self._screen = context, query, screen

    def run(self) -> None:
        try:
            for event in stream.events(self._context, self._query, self._set_problem):
                self._put(event)
        except CommandError as error:
            self._put(error)
        except BaseException as error:  # the screen has to end with it, and not without it
            self._put(error)
            raise

    def _set_problem(self, problem: str) -> None:
        self._put(problem)

    def _put(self, found: object) -> None:
        self.events.put(found)
        self._screen.wake()


def run(context: Context, state: State, columns: Sequence[Column], query: Mapping[str, Any]) -> int:
    """Show the screen until the user ends it, or the figures are older than --max-age. Raise CommandError."""
    if not can_show(context.stdin, context.stdout):
        raise CommandError(
            "top needs a terminal; nodes and tasks print the same once, or with -w continuously"
        )
    title = "  ".join(filter(None, (context.lens.cluster, context.options.namespace)))
    try:
        with Screen(context.stdin, context.stdout) as screen:
            reader = _StreamThread(context, query, screen)
            reader.start()
            return _loop(context, screen, reader, state, columns, title)
    except SignalledError as ended:
        return 128 + ended.number


def _loop(
    context: Context,
    screen: Screen,
    reader: _StreamThread,
    state: State,
    columns: Sequence[Column],
    title: str,
) -> int:
    drawn, received, age = 0.0, time.monotonic(), None
    changed = True
    while True:
        now = time.monotonic()
        if changed and (screen.redraw or now - drawn >= FRAME_SECONDS):
            terminal = describe(context.stdout, context.environ)
            screen.show(draw(state, columns, title, terminal))
            drawn, changed = time.monotonic(), False
        wait = FRAME_SECONDS - (now - drawn) if changed else _HEARTBEAT_SECONDS
        pressed = screen.wait(wait)
        for key in pressed:
            if not state.press(key, page(state, describe(context.stdout, context.environ))):
                return YES
        first, problem = not state.timestamp, state.problem
        if _apply_events(reader, state):
            # The first figures don't wait for their frame.
            drawn = 0.0 if first else drawn
            received, age, changed = time.monotonic(), state.age_seconds, True
        elif (silent := time.monotonic() - received) > _HEARTBEAT_SECONDS:
            state.age_seconds, changed = round((age or 0.0) + silent, 1), True
        if state.timestamp and context.is_old(state.age_seconds):
            return STALE
        if pressed or screen.redraw or state.problem != problem:
            changed, drawn = True, 0.0


def _apply_events(reader: _StreamThread, state: State) -> bool:
    """Apply the stream's new events, and return whether there were any. Raise what ended the stream."""
    applied = False
    while True:
        try:
            found = reader.events.get_nowait()
        except queue.Empty:
            return applied
        if isinstance(found, BaseException):
            raise found
        if isinstance(found, str):
            state.problem = found
        else:
            state.apply(found.type, found.data, epoch(found.data["timestamp"]))
            applied = True
