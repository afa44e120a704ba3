"""Mode ``static``: callers whose tokens are in a file, hashed."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lens.api.access import auth
from lens.api.access.auth import Caller
from lens.api.errors import forbidden, unauthorized
from lens.api.parameters import Namespace
from lens.reloading_file import ReloadingFile
from lens.settings_file import read_settings_file


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Endpoint = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]*\*?$")]
"""An endpoint's path, or how such paths begin and then ``*``."""


class Token(_Strict):
    """A caller's name and the SHA-256 of the token, in hex: ``printf %s TOKEN | sha256sum``.

    With ``namespaces`` it is good for what can be asked of each of these alone; with ``paths`` for these
    endpoints alone. Without them for everything.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._@:-]{0,126}[A-Za-z0-9])?$")
    sha256: str = Field(pattern=r"^[0-9A-Fa-f]{64}$")
    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1)] | None = None
    paths: Annotated[tuple[Endpoint, ...], Field(min_length=1)] | None = None


class TokensFile(_Strict):
    """The file, in YAML (so JSON too). Names may repeat: two tokens of one caller let it change over."""

    tokens: Annotated[tuple[Token, ...], Field(min_length=1)]


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Read a tokens file. Raise SettingsError with one line that names the file and the field."""
    return read_settings_file("LENS_TOKENS_FILE", path, TokensFile).tokens


@dataclass(frozen=True, slots=True)
class TokenOwner(Caller):
    """A caller with the rights of one token; None is no limit."""

    namespaces: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None

    async def require(self, path: str, namespace: str | None) -> None:
        """Hold it against the token's rights."""
        if self.paths is not None and not any(_is_of(path, each) for each in self.paths):
            raise forbidden(f"the token has no right to {path}")
        if self.namespaces is not None and namespace not in self.namespaces:
            whole = "the whole cluster" if namespace is None else f"namespace {namespace}"
            raise forbidden(f"the token has no right to {whole}, only to: {', '.join(self.namespaces)}")


def _is_of(path: str, endpoint: str) -> bool:
    return path.startswith(endpoint[:-1]) if endpoint.endswith("*") else path == endpoint


class StaticTokens:
    """Know callers by the file's tokens; follow the file as it changes."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """Read the file. Raise SettingsError."""
        self._file = ReloadingFile("tokens file", path, lambda path: _known(read_tokens(path)), clock)

    async def identify(self, token: auth.Token | None, source: str | None) -> Caller:
        """Return whose token it is. Raise an ApiError for none and for one that the file doesn't have."""
        tokens = self._file.content()
        if token is None:
            raise unauthorized()
        found = None
        # All of them, each in constant time: how long it takes tells nothing of what is in the file.
        for known, caller in tokens:
            if hmac.compare_digest(known, token.digest):
                found = caller
        if found is None:
            raise unauthorized()
        return found


def _known(tokens: tuple[Token, ...]) -> tuple[tuple[bytes, Caller], ...]:
    return tuple(
        (bytes.fromhex(token.sha256), TokenOwner(token.name, token.namespaces, token.paths))
        for token in tokens
    )
