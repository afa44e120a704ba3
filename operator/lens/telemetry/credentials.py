"""What agents are shown and known by: the bearer token and the authority, followed as they rotate."""

import logging
import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from lens.config import SettingsError

LOOK_SECONDS = 1.0

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750, 2.1: b64token

_log = logging.getLogger("lens.telemetry.credentials")

T = TypeVar("T")


class RotatingFile(Generic[T]):
    """What is read from a file, and read again when the file is another one; a broken one doesn't count."""

    def __init__(self, path: Path, read: Callable[[Path], T], clock: Callable[[], float]) -> None:
        """Read the file. Raise SettingsError."""
        self._path = path
        self._read = read
        self._clock = clock
        self._looked_at = clock()
        self._stamp = _stamp(path)
        self._content = read(path)

    def content(self) -> T:
        """Return what was read last; look at the file for that at most once a second."""
        now = self._clock()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._read_again()
        return self._content

    def _read_again(self) -> None:
        try:
            self._content = self._read(self._path)
        except SettingsError as error:
            _log.error("a file is broken, keeping what was read before", extra={"error": str(error)})
        else:
            _log.info("a file was read again", extra={"path": str(self._path)})


class BearerToken:
    """The Authorization header for agents. Of a file with several tokens, one a line, the first is sent."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file. Raise SettingsError."""
        self._file = RotatingFile(path, _read_token, clock)

    def header(self) -> str:
        """Return ``Bearer`` and the present token."""
        return f"Bearer {self._file.content()}"


class Trust:
    """The authority that vouches for agents, and the name that their certificates are made out to.

    An agent is asked by its pod's address, which is in no certificate, hence the one name for all.
    """

    def __init__(
        self, ca_file: Path, server_name: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the file. Raise SettingsError."""
        self.server_name = server_name
        self._file = RotatingFile(ca_file, _read_authority, clock)

    def context(self) -> ssl.SSLContext:
        """Return the context to connect with; it is another one once the authority has changed."""
        return self._file.content()


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read_token(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise SettingsError(f"token file {path}: {error.strerror}") from None
    token = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if not _TOKEN.fullmatch(token):
        raise SettingsError(f"token file {path}: has no bearer token in its first line")
    return token


def _read_authority(path: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise SettingsError(f"CA file {path}: {error.reason or error}") from None
    except OSError as error:
        raise SettingsError(f"CA file {path}: {error.strerror}") from None
