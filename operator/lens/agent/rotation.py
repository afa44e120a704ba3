"""Files that are replaced while the agent runs: the bearer token, and the certificate."""

import hmac
import logging
import ssl
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from lens.config import AGENT_PREFIX, SettingsError

LOOK_SECONDS = 1.0

_log = logging.getLogger("lens.agent.rotation")


class Watched:
    """Files that are looked at again now and then; ``changed`` tells when they are others than before."""

    def __init__(self, *paths: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Take a first look."""
        self._paths = paths
        self._clock = clock
        self._looked_at = clock()
        self._signature = self._look()

    def changed(self) -> bool:
        """Look, at most once a second."""
        now = self._clock()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        before, self._signature = self._signature, self._look()
        return self._signature != before

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_signature(path) for path in self._paths)


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


class BearerTokens:
    """The tokens that are let in: the file's lines, so that two can be good while one takes over."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raise SettingsError."""
        self._path = path
        self._watched = Watched(path)
        self._digests = self._read()

    def admit(self, authorization: str | None) -> bool:
        """Tell whether an Authorization header has one of them (RFC 6750)."""
        self._follow()
        scheme, _, token = (authorization or "").partition(" ")
        digest = sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        found = False
        # All of them, each in constant time: how long it takes tells nothing of what is in the file.
        for known in self._digests:
            found |= hmac.compare_digest(known, digest)
        return found and scheme.lower() == "bearer"

    def _follow(self) -> None:
        """Read the file again if it changed; keep what was if it is broken."""
        if not self._watched.changed():
            return
        try:
            self._digests = self._read()
        except SettingsError as error:
            _log.error("token file is broken, keeping the tokens that were read before: %s", error)
        else:
            _log.info("token file was read again", extra={"tokens": len(self._digests)})

    def _read(self) -> tuple[bytes, ...]:
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError as error:
            raise SettingsError(f"{AGENT_PREFIX}TOKEN_FILE: {self._path}: {error.strerror}") from None
        tokens = [line.strip() for line in lines if line.strip()]
        if not tokens:
            raise SettingsError(f"{AGENT_PREFIX}TOKEN_FILE: {self._path}: is empty")
        return tuple(sha256(token).digest() for token in tokens)


class Certificate:
    """A certificate and its key; what is rotated is loaded into the context in use."""

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        """Load them. Raise SettingsError."""
        self._cert_file = cert_file
        self._key_file = key_file
        self._watched = Watched(cert_file, key_file)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load()

    def follow(self) -> None:
        """Load them again if they changed; keep what was if they don't fit."""
        if not self._watched.changed():
            return
        try:
            self._load()
        except SettingsError as error:
            _log.error("certificate is broken, keeping the one that was loaded before: %s", error)
        else:
            _log.info("certificate was loaded again")

    def _load(self) -> None:
        try:
            self.context.load_cert_chain(self._cert_file, self._key_file)
        except ssl.SSLError as error:
            raise SettingsError(
                f"{AGENT_PREFIX}TLS_CERT_FILE: {self._cert_file} and {self._key_file}: {error.reason}"
            ) from None
        except OSError as error:
            raise SettingsError(
                f"{AGENT_PREFIX}TLS_CERT_FILE: {self._cert_file} or {self._key_file}: {error.strerror}"
            ) from None
