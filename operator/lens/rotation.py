"""Files that are replaced while Lens runs: tokens, authorities, certificates. A broken one doesn't count."""

import logging
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from lens.certificates import Validity
from lens.config import SettingsError

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 30.0

T = TypeVar("T")

Stamp = tuple[int, int, int] | None
"""What identifies a file's present content; None where there is no file."""

_log = logging.getLogger("lens.rotation")


def stamp(path: str | Path) -> Stamp:
    """Look at a file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class RotatingFile(Generic[T]):
    """What is read from a file, and read again when the file is another one.

    One that is broken is also read again from time to time: it may name other files, which come later.
    """

    def __init__(self, what: str, path: Path, read: Callable[[Path], T], clock: Callable[[], float]) -> None:
        """Read the file. Raise SettingsError. ``what`` is its name in the log."""
        self._what = what
        self._path = path
        self._read = read
        self._clock = clock
        self._looked_at = clock()
        self._stamp = stamp(path)
        self._content = read(path)
        self._read_at = self._looked_at
        self._problem = ""

    def content(self) -> T:
        """Return what was read last; look at the file for that at most once a second."""
        now = self._clock()
        # Below 0 the clock was set back.
        if not 0 <= now - self._looked_at < LOOK_SECONDS:
            self._looked_at = now
            present = stamp(self._path)
            if present != self._stamp or (self._problem and not 0 <= now - self._read_at < AGAIN_SECONDS):
                self._stamp, self._read_at = present, now
                self._read_again()
        return self._content

    def _read_again(self) -> None:
        before, self._problem = self._problem, ""
        try:
            self._content = self._read(self._path)
        except SettingsError as error:
            self._problem = str(error)
            if self._problem != before:
                _log.error("%s is broken, keeping what was read before: %s", self._what, error)
        else:
            _log.info("%s was read again", self._what, extra={"path": str(self._path)})


class Certificate:
    """A server's certificate chain and its key. What is rotated is loaded into the context in use."""

    def __init__(
        self,
        setting: str,
        cert_file: Path,
        key_file: Path,
        *,
        on_refused: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Load them. Raise SettingsError, which names the ``setting``.

        ``on_refused`` is called when new ones don't replace what is loaded. ``clock`` tells the epoch second.
        """
        self._setting = setting
        self._on_refused = on_refused
        self._clock = clock
        self._files = (cert_file, key_file)
        self._stamps = self._look()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["http/1.1"])
        self._validity = self._read()
        self._use()
        # Not good yet, and loaded once it is.
        self._early = False
        if not self._validity.has(clock()):
            _log.warning("certificate is not valid now, and there is no other: %s", self._validity)

    def follow(self) -> None:
        """Load them again if they changed; keep what was if they can't be used, or it alone is valid."""
        stamps = self._look()
        if stamps == self._stamps and not self._early:
            return
        is_new, self._stamps, self._early = stamps != self._stamps, stamps, False
        try:
            validity = self._read()
            now = self._clock()
            if self._validity.has(now) and not validity.has(now):
                self._early = now < validity.begins
                if is_new:
                    self._on_refused()
                    _log.error("certificate is not valid now, keeping the one before: %s", validity)
                return
            self._use()
        except SettingsError as error:
            self._on_refused()
            _log.error("certificate is broken, keeping the one that was loaded before: %s", error)
        else:
            self._validity = validity
            _log.info("certificate was loaded again")

    def _look(self) -> list[Stamp]:
        return [stamp(file) for file in self._files]

    def _read(self) -> Validity:
        """Return when the certificate in the file is valid. Raise SettingsError unless the key fits it."""
        # In a context of its own first: a certificate whose key doesn't fit would stay in the other one.
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        try:
            return Validity.read(self._files[0].read_text())
        except (OSError, ValueError):
            raise self._unusable("not a certificate and its key") from None

    def _use(self) -> None:
        self._load(self.context)

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(*self._files)
        except ssl.SSLError as error:
            raise self._unusable(error.reason or "not a certificate and its key") from None
        except OSError as error:
            raise self._unusable(error.strerror or type(error).__name__) from None

    def _unusable(self, problem: str) -> SettingsError:
        cert_file, key_file = self._files
        return SettingsError(f"{self._setting}: {cert_file}, {key_file}: {problem}")
