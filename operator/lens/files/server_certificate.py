"""A server's certificate and key, reloaded when their files change."""

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from lens.config.errors import SettingsError
from lens.files.certificates import Validity
from lens.files.reloading_file import FileSignature, file_signature

_log = logging.getLogger(__name__)


class ServerCertificate:
    """A certificate chain and its private key. Rotated ones are loaded into the context in use."""

    def __init__(
        self,
        setting: str,
        cert_file: Path,
        key_file: Path,
        *,
        on_refused: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Load the files. Raise SettingsError, which names the ``setting``.

        ``on_refused`` is called when new files don't replace the loaded ones. ``clock`` is in epoch seconds.
        """
        self._setting = setting
        self._on_refused = on_refused
        self._clock = clock
        self._files = (cert_file, key_file)
        self._signatures = self._file_signatures()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(["http/1.1"])
        self._validity = self._read()
        self._load_in_use()
        # Whether the files hold a certificate that is loaded once its validity begins.
        self._early = False
        if not self._validity.has(clock()):
            _log.warning("certificate is not valid now, and there is no other: %s", self._validity)

    def reload_if_changed(self) -> None:
        """Load changed files.

        Keep the loaded ones if the new ones are unusable, or if only the loaded ones are valid now.
        """
        signatures = self._file_signatures()
        if signatures == self._signatures and not self._early:
            return
        is_new, self._signatures, self._early = signatures != self._signatures, signatures, False
        try:
            validity = self._read()
            now = self._clock()
            if self._validity.has(now) and not validity.has(now):
                self._early = now < validity.begins
                if is_new:
                    self._on_refused()
                    _log.error("certificate is not valid now, keeping the one before: %s", validity)
                return
            self._load_in_use()
        except SettingsError as error:
            self._on_refused()
            _log.error("certificate is broken, keeping the one that was loaded before: %s", error)
        else:
            self._validity = validity
            _log.info("certificate was loaded again")

    def _file_signatures(self) -> list[FileSignature]:
        return [file_signature(file) for file in self._files]

    def _read(self) -> Validity:
        """Return when the certificate in the file is valid. Raise SettingsError unless the key fits it."""
        # Into a context of its own first: a certificate without its key would stay in the context in use.
        self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        try:
            return Validity.read(self._files[0].read_text())
        except (OSError, ValueError):
            raise self._unusable("not a certificate and its key") from None

    def _load_in_use(self) -> None:
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
