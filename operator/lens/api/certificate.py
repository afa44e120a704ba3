"""The server's certificate, followed as it rotates."""

import logging
import ssl
from pathlib import Path

from lens.config import SettingsError

_log = logging.getLogger(__name__)


class Certificate:
    """A certificate chain and its key. What is rotated is loaded into the context in use."""

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        """Load them. Raise SettingsError."""
        self._files = (cert_file, key_file)
        self._stamps = self._look()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["http/1.1"])
        self._load()

    def follow(self) -> None:
        """Load them again if they changed; keep what was if they can't be used together."""
        stamps = self._look()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self._load()
        except SettingsError as error:
            _log.error("certificate is broken, keeping the one that was loaded before: %s", error)
        else:
            _log.info("certificate was loaded again")

    def _load(self) -> None:
        cert_file, key_file = self._files
        try:
            # In a context of its own first: a certificate whose key doesn't fit would stay in the other one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert_file, key_file)
            self.context.load_cert_chain(cert_file, key_file)
        except ssl.SSLError as error:
            problem = error.reason or "not a certificate and its key"
        except OSError as error:
            problem = error.strerror or type(error).__name__
        else:
            return
        raise SettingsError(f"LENS_TLS_CERT_FILE, LENS_TLS_KEY_FILE: {cert_file}, {key_file}: {problem}")

    def _look(self) -> list[tuple[int, int, int] | None]:
        """Return what identifies the present content of the files."""
        stamps: list[tuple[int, int, int] | None] = []
        for file in self._files:
            try:
                status = file.stat()
            except OSError:
                stamps.append(None)
            else:
                stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return stamps
