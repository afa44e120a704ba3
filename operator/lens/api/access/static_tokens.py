"""Mode ``static``: callers and the hashes of their tokens, from a file."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lens.api.access.auth import BearerToken, Caller
from lens.api.errors import forbidden, invalid_token, no_token
from lens.api.parameters.names import Namespace
from lens.files.reloading_file import ReloadingFile
from lens.files.settings_file import read_settings_file


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


PathPattern = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]*\*?$")]
"""An endpoint's path, or a prefix of paths and then ``*``."""


class TokenEntry(_Strict):
    """A caller's name and the SHA-256 of the token, in hex: ``printf %s TOKEN | sha256sum``.

    ``namespaces`` restricts the token to requests for one of these namespaces, ``paths`` to these endpoints.
    Without them the token may read everything. With ``capacity`` it may read the cluster's capacity: beside
    these namespaces, or without ``namespaces`` that alone.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._@:-]{0,126}[A-Za-z0-9])?$")
    sha256: str = Field(pattern=r"^[0-9A-Fa-f]{64}$")
    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1)] | None = None
    paths: Annotated[tuple[PathPattern, ...], Field(min_length=1)] | None = None
    capacity: bool = False


def _some(entries: object) -> object:
    if entries is None or entries == []:
        raise ValueError("has no entries; `lens token NAME >> FILE` adds one")
    return entries


class TokensFile(_Strict):
    """The file, in YAML (so JSON too). Names may repeat: a caller may have two tokens during a rotation."""

    tokens: Annotated[tuple[TokenEntry, ...], BeforeValidator(_some)]


def read_tokens(path: Path) -> tuple[TokenEntry, ...]:
    """Read a tokens file. Raise SettingsError with one line that names the file and the field."""
    return read_settings_file("LENS_TOKENS_FILE", path, TokensFile).tokens


@dataclass(frozen=True, slots=True)
class TokenCaller(Caller):
    """A caller with the rights of one token; None means no restriction."""

    only_namespaces: tuple[str, ...] | None = None
    only_paths: tuple[str, ...] | None = None
    capacity: bool = False

    @property
    def namespaces(self) -> tuple[str, ...] | None:
        """Return the namespaces to which the token is restricted: none if it is for capacity alone."""
        return () if self.only_namespaces is None and self.capacity else self.only_namespaces

    @property
    def paths(self) -> tuple[str, ...] | None:
        """Return the endpoints of the token."""
        return self.only_paths

    async def authorize(self, path: str, namespace: str | None) -> None:
        """Check the token's paths and namespaces."""
        self._authorize_path(path)
        if self.namespaces is not None and namespace not in self.namespaces:
            whole = "the whole cluster" if namespace is None else f"namespace {namespace}"
            rights = ", ".join((*self.namespaces, *(["the cluster's capacity"] if self.capacity else [])))
            raise forbidden(f"the token has no right to {whole}, only to: {rights}")

    async def authorize_capacity(self, path: str, namespace: str | None) -> None:
        """Check the token's paths and its right to capacity."""
        self._authorize_path(path)
        if not self.capacity:
            await self.authorize(path, None)

    def _authorize_path(self, path: str) -> None:
        if self.paths is not None and not any(_matches(path, pattern) for pattern in self.paths):
            raise forbidden(f"the token has no right to {path}")


def _matches(path: str, pattern: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern


class StaticTokenAuthenticator:
    """Authenticate callers by the tokens of a file, and reload the file when it changes."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        """Read the file. Raise SettingsError."""
        self._file = ReloadingFile("tokens file", path, lambda path: _callers(read_tokens(path)), clock)

    async def authenticate(self, token: BearerToken | None, source: str | None) -> Caller:
        """Return the token's owner. Raise an ApiError without a token and for one that isn't in the file."""
        callers = self._file.content()
        if token is None:
            raise no_token()
        found = None
        # Each is compared, in constant time: the duration reveals nothing about the file.
        for digest, caller in callers:
            if hmac.compare_digest(digest, token.digest):
                found = caller
        if found is None:
            raise invalid_token("The token is unknown")
        return found


def _callers(entries: tuple[TokenEntry, ...]) -> tuple[tuple[bytes, Caller], ...]:
    return tuple(
        (bytes.fromhex(entry.sha256), TokenCaller(entry.name, entry.namespaces, entry.paths, entry.capacity))
        for entry in entries
    )
