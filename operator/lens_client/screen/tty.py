"""The terminal as a whole screen: keys one by one, and everything as it was when the program ends."""

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, TextIO

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""The alternate screen, without a cursor and without wrapped lines."""
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name))

_KEYS = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1b[1~": "home",
    "\x1bOH": "home",
    "\x1b[F": "end",
    "\x1b[4~": "end",
    "\x1bOF": "end",
    "\x7f": "backspace",
    "\b": "backspace",
    "\r": "enter",
    "\n": "enter",
    "\x1b": "escape",
}


class SignalledError(Exception):
    """A signal ends the program. Its number is ``number``."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Screen:
    """The whole screen of a terminal, as a context manager. For the main thread.

    It is given back at the end, on an error, on signals that end the program, and while it is stopped
    (Ctrl+Z). ``wake`` makes ``wait`` return, from any thread.
    """

    def __init__(self, stdin: TextIO, stdout: TextIO) -> None:
        self._stdin, self._stdout = stdin, stdout
        self._read_end, self._write_end = os.pipe()
        self._before: list[Any] = []
        self._handlers: list[tuple[int, Any]] = []
        self._shown: list[str] = []
        self.redraw = True
        """Whether the screen is empty, or has another size than before."""

    def __enter__(self) -> "Screen":
        """Take the screen."""
        os.set_blocking(self._write_end, False)
        self._before = termios.tcgetattr(self._stdin.fileno())
        for number in _ENDING:
            self._handle(number, _end)
        self._handle(signal.SIGWINCH, self._resized)
        self._handle(signal.SIGTSTP, self._stop)
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the screen back."""
        self._give_back()
        for number, handler in reversed(self._handlers):
            signal.signal(number, handler)
        os.close(self._read_end)
        os.close(self._write_end)

    def wake(self) -> None:
        """Make ``wait`` return."""
        try:
            os.write(self._write_end, b".")
        except OSError:
            return  # it is full, so that wait returns anyway; or the screen is closed

    def wait(self, seconds: float) -> list[str]:
        """Return the keys that were pressed, by name or character; none after ``wake``, or so long."""
        keyboard = self._stdin.fileno()
        ready, _, _ = select.select([keyboard, self._read_end], [], [], max(seconds, 0))
        if self._read_end in ready:
            os.read(self._read_end, 4096)
        if keyboard not in ready:
            return []
        typed = os.read(keyboard, 4096)
        if not typed:
            raise SignalledError(signal.SIGHUP)
        return keys(typed.decode(errors="replace"))

    def show(self, lines: Sequence[str]) -> None:
        """Show lines from the top; only those that differ are written."""
        written = ["\x1b[H\x1b[2J"] if self.redraw else []
        before = [] if self.redraw else self._shown
        for number, line in enumerate(lines):
            if number >= len(before) or before[number] != line:
                written.append(f"\x1b[{number + 1};1H\x1b[K{line}\x1b[0m")
        if len(before) > len(lines):
            written.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        self._shown, self.redraw = list(lines), False
        if written:
            self._write("".join(written))

    def _write(self, text: str) -> None:
        """Write at once: a stream's buffer can't be used again by the handler of a signal that meets it."""
        left = text.encode(errors="replace")
        while left:
            left = left[os.write(self._stdout.fileno(), left) :]

    def _take(self) -> None:
        tty.setcbreak(self._stdin.fileno(), termios.TCSADRAIN)
        self._write(_ENTER)
        self.redraw = True

    def _give_back(self) -> None:
        # Where the terminal is gone, there is nothing to give back.
        with contextlib.suppress(OSError):
            self._write(_LEAVE)
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._stdin.fileno(), termios.TCSADRAIN, self._before)

    def _handle(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        self._handlers.append((number, signal.signal(number, handler)))

    def _resized(self, _number: int, _frame: FrameType | None) -> None:
        self.redraw = True
        self.wake()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
        self.wake()


def keys(typed: str) -> list[str]:
    """Return the keys of what a terminal sent: names of special ones, and characters; others are left out."""
    found = []
    while typed:
        length = next((n for n in (4, 3, 1) if typed[:n] in _KEYS and (n > 1 or typed[0] != "\x1b")), 0)
        if length:
            found.append(_KEYS[typed[:length]])
        elif typed[0] == "\x1b" and len(typed) > 1 and typed[1] in "[O":
            # A sequence without a name ends with a letter or ~.
            length = next((n + 1 for n in range(2, len(typed)) if "@" <= typed[n] <= "~"), len(typed))
        else:
            length = 1
            if typed[0] == "\x1b":
                found.append("escape")
            elif typed[0].isprintable():
                found.append(typed[0])
        typed = typed[length:]
    return found


def can_show(stdin: TextIO, stdout: TextIO) -> bool:
    """Return whether both are a terminal that can show a whole screen."""
    return sys.platform != "win32" and stdin.isatty() and stdout.isatty() and os.environ.get("TERM") != "dumb"


def _end(number: int, _frame: FrameType | None) -> None:
    raise SignalledError(number)
