"""Mode ``static``: callers whose tokens are in a file, hashed."""

import hmac
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import yaml
from multidict import MultiMapping
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lens.api.auth import Caller, bearer_token
from lens.api.errors import unauthorized
from lens.config import SettingsError

_log = logging.getLogger(__name__)

_CHECK_SECONDS = 1.0


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Token(_Strict):
    """A caller's name and the SHA-256 of the token, in hex: ``printf %s TOKEN | sha256sum``."""

    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._@:-]{0,126}[A-Za-z0-9])?$")
    sha256: str = Field(pattern=r"^[0-9A-Fa-f]{64}$")


class TokensFile(_Strict):
    """The file, in YAML (so JSON too). Names may repeat: two tokens of one caller let it change over."""

    tokens: Annotated[tuple[Token, ...], Field(min_length=1)]


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Read a tokens file. Raise SettingsError with one line that names the file and the field."""
    try:
        return TokensFile.model_validate(yaml.safe_load(path.read_bytes())).tokens
    except OSError as error:
        problem = error.strerror or type(error).__name__
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        # Not their own words, which quote the file.
        mark = getattr(error, "problem_mark", None)
        problem = "is not YAML" + (f": line {mark.line + 1}" if mark else "")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        problem = f"{field}: {first['msg']}"
    raise SettingsError(f"LENS_TOKENS_FILE: {path}: {problem}")


class StaticTokens:
    """Know callers by the file's tokens; follow the file as it changes."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """Read the file. Raise SettingsError."""
        self._path = path
        self._clock = clock
        self._checked_at = clock()
        self._signature = self._look()
        self._known = _known(read_tokens(path))

    async def identify(self, headers: MultiMapping[str]) -> Caller:
        """Return whose token it is. Raise an ApiError for none and for one that the file doesn't have."""
        self._follow()
        token = bearer_token(headers)
        if token is None:
            raise unauthorized()
        digest = sha256(token).digest()
        found = None
        # All of them, each in constant time: how long it takes tells nothing of what is in the file.
        for known, caller in self._known:
            if hmac.compare_digest(known, digest):
                found = caller
        if found is None:
            raise unauthorized()
        return found

    def _look(self) -> tuple[int, int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino

    def _follow(self) -> None:
        """Read the file again if it changed, looking at most once a second; keep what was if it is broken."""
        now = self._clock()
        if 0 <= now - self._checked_at < _CHECK_SECONDS:
            return
        self._checked_at = now
        signature = self._look()
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._known = _known(read_tokens(self._path))
        except SettingsError as error:
            _log.error("tokens file is broken, keeping the tokens that were read before: %s", error)
        else:
            _log.info("tokens file was read again", extra={"tokens": len(self._known)})


def _known(tokens: tuple[Token, ...]) -> tuple[tuple[bytes, Caller], ...]:
    return tuple((bytes.fromhex(token.sha256), Caller(token.name)) for token in tokens)
