"""Bearer tokens for other servers, and the CAs of their certificates, reloaded when they change."""

import re
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from lens.config.errors import SettingsError
from lens.files.reloading_file import ReloadingFile
from lens.http_client import client_context

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750, 2.1: b64token


class BearerToken:
    """An Authorization header. If the file has several tokens, one a line, the first is sent."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the file. Raise SettingsError."""
        self._file = ReloadingFile("token file", path, _read_token, clock)

    def header(self) -> str:
        """Return ``Bearer`` and the current token."""
        return f"Bearer {self._file.content()}"


class TrustedCa:
    """A CA of servers' certificates, and the server name in them if it isn't the URL's host.

    Agents are reached at pod IPs, which no certificate has, so all share one name.
    """

    def __init__(
        self, ca_file: Path, server_name: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Read the file. Raise SettingsError."""
        self.server_name = server_name
        self._file = ReloadingFile("CA file", ca_file, _read_authority, clock)

    def context(self) -> ssl.SSLContext:
        """Return the TLS context for connections. A changed CA has a new context."""
        return self._file.content()


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
        return client_context(path)
    except ssl.SSLError as error:
        raise SettingsError(f"CA file {path}: {error.reason or error}") from None
    except OSError as error:
        raise SettingsError(f"CA file {path}: {error.strerror}") from None
