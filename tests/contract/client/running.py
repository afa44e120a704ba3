"""Runs the command line in this process: on pipes, or on a pseudo-terminal of so many columns."""

import fcntl
import io
import os
import pty
import struct
import termios
import threading
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest import mock

from lens_client import main
from tests.contract.client.lens import TOKEN

UTF8 = {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}


class Ran(NamedTuple):
    """What a command printed, and its exit status. On a terminal stderr is a part of stdout."""

    stdout: str
    stderr: str
    status: int


def run(
    url: str, arguments: Sequence[str], environ: Mapping[str, str] | None = None, stdin: bytes = b""
) -> Ran:
    """Run a command on pipes."""
    stdout, stderr = io.StringIO(newline=""), io.StringIO(newline="")
    typed = io.TextIOWrapper(io.BytesIO(stdin))
    with (
        _environment(url, environ),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        mock.patch("sys.stdin", typed),
    ):
        status = main.run(arguments, "kubectl lens")
    return Ran(stdout.getvalue(), stderr.getvalue(), status)


def run_on_terminal(
    url: str, arguments: Sequence[str], columns: int, environ: Mapping[str, str] | None = None
) -> Ran:
    """Run a command on a pseudo-terminal."""
    master, slave = pty.openpty()
    set_size(slave, columns)
    received: list[bytes] = []
    reader = threading.Thread(target=_read, args=(master, received))
    reader.start()
    try:
        with open(slave, "w", encoding="utf-8", errors="surrogateescape") as terminal:
            with _environment(url, environ), redirect_stdout(terminal), redirect_stderr(terminal):
                status = main.run(arguments, "kubectl lens")
            terminal.flush()
        reader.join()
    finally:
        os.close(master)
    return Ran(b"".join(received).decode(errors="surrogateescape").replace("\r\n", "\n"), "", status)


def set_size(terminal: int, columns: int, lines: int = 24) -> None:
    """Set a pseudo-terminal's size."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def environment(url: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of a user who has no kubeconfig."""
    return {
        "PATH": os.environ["PATH"],
        "LENS_URL": url,
        "LENS_TOKEN": TOKEN,
        "KUBECONFIG": os.devnull,
        "HOME": os.devnull,
        **UTF8,
        **(more or {}),
    }


def _environment(url: str, more: Mapping[str, str] | None) -> "mock._patch_dict":
    return mock.patch.dict(os.environ, environment(url, more), clear=True)


def _read(master: int, received: list[bytes]) -> None:
    """Read what a terminal shows, until its other end is closed."""
    while True:
        try:
            read = os.read(master, 65536)
        except OSError:
            return
        if not read:
            return
        received.append(read)
