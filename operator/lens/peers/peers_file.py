"""The file that names the peers."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from yarl import URL

from lens.config.errors import SettingsError
from lens.config.serve import ServeSettings
from lens.files.settings_file import read_settings_file

_ADDRESS = re.compile(r"https?://[^/?#@\s\\]+(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?", re.ASCII)


def _address(text: str) -> str:
    # The error doesn't quote the text, which may have a password.
    if not _ADDRESS.fullmatch(text):
        raise ValueError("is http:// or https://, a host, and where there are any a port and a plain path")
    try:
        return str(URL(text)).rstrip("/")
    except ValueError:
        raise ValueError("has a host or a port that can't be") from None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PeerEntry(_Strict):
    """A peer's cluster name and the URL of its Lens.

    ``token_file`` has the bearer token for it, ``ca_file`` the CA of its certificate, by default the system's
    CAs.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$")
    url: Annotated[str, AfterValidator(_address)]
    token_file: Path | None = None
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _authority_is_for_tls(self) -> Self:
        if self.ca_file is not None and not self.url.startswith("https:"):
            raise ValueError("ca_file: is for https, and url is http")
        return self


class _File(_Strict):
    peers: Annotated[tuple[PeerEntry, ...], Field(min_length=1)]


def read_peers_file(settings: ServeSettings) -> tuple[PeerEntry, ...]:
    """Return the configured peers. Raise SettingsError with one line that names the entry."""
    path = settings.peers
    if path is None:
        return ()
    entries = read_settings_file("LENS_PEERS", path, _File).peers
    if problem := _disagreement(entries, settings):
        raise SettingsError(f"LENS_PEERS: {path}: {problem}")
    return entries


def _disagreement(entries: tuple[PeerEntry, ...], settings: ServeSettings) -> str | None:
    """Return the first conflict of an entry with the others or with the settings, or None."""
    names = {settings.cluster}
    for number, entry in enumerate(entries):
        at = f"peers.{number} ({entry.name})"
        if entry.name in names:
            whose = "this Lens' own cluster" if entry.name == settings.cluster else "another peer"
            return f"{at}: name: is that of {whose}"
        if settings.peers_identity == "service" and entry.token_file is None:
            return f"{at}: token_file: is required with LENS_PEERS_IDENTITY=service"
        if settings.peers_identity == "caller" and entry.token_file is not None:
            return f"{at}: token_file: is for LENS_PEERS_IDENTITY=service, and it is caller"
        names.add(entry.name)
    return None
