"""Authenticate requests by the bearer tokens of a file, which is reloaded when it changes."""

import hmac
import time
from hashlib import sha256
from pathlib import Path

from lens.config.errors import SettingsError
from lens.config.reading import AGENT_PREFIX
from lens.files.reloading_file import ReloadingFile


class BearerTokens:
    """The valid tokens: one for each line of the file, so that two are valid during a rotation."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raise SettingsError."""
        self._file = ReloadingFile("token file", path, _digests, time.monotonic)

    def accepts(self, authorization: str | None) -> bool:
        """Return whether an Authorization header has a valid bearer token (RFC 6750)."""
        scheme, _, token = (authorization or "").partition(" ")
        digest = sha256(token.strip(" \t").encode("utf-8", "surrogateescape")).digest()
        found = False
        # Compare with all tokens, each in constant time, so that the duration reveals nothing of the file.
        for known in self._file.content():
            found |= hmac.compare_digest(known, digest)
        return found and scheme.lower() == "bearer"


def _digests(path: Path) -> tuple[bytes, ...]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise SettingsError(f"{AGENT_PREFIX}TOKEN_FILE: {path}: {error.strerror}") from None
    tokens = [line.strip() for line in lines if line.strip()]
    if not tokens:
        raise SettingsError(f"{AGENT_PREFIX}TOKEN_FILE: {path}: is empty")
    return tuple(sha256(token).digest() for token in tokens)
