"""The settings of ``lens mcp``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from lens.config.field_types import LogFormat, LogLevel
from lens.config.listen_address import ListenAddress
from lens.config.reading import AGENT_PREFIX, PREFIX, read
from lens.config.serve import ServeSettings


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("is the address of a Lens, such as http://127.0.0.1:8080")
    if parts.query or parts.fragment:
        raise ValueError("has no query and no fragment")
    return text.rstrip("/")


class McpSettings(BaseModel):
    """The settings of ``lens mcp``: the Lens, the caller's token, and the address of the tools."""

    groups: ClassVar[Mapping[str, str]] = {
        "url": "Which Lens, and as whom",
        "mcp_listen": "Where the tools are served",
        "log_level": "Log",
    }

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    url: Annotated[str, AfterValidator(_address)] = Field(description="The URL of Lens.")
    token_file: Path | None = Field(
        default=None, description="The file with the bearer token for Lens; read again when it changes."
    )
    ca_file: Path | None = Field(
        default=None, description="The CA of Lens' certificate; by default the system's CAs."
    )
    mcp_listen: Annotated[ListenAddress | None, BeforeValidator(ListenAddress.parse)] = Field(
        default=None,
        description="The address to serve streamable HTTP on, as host:port, for callers with tokens of their "
        "own; by default the tools are served on stdin and stdout.",
    )
    log_level: LogLevel = "info"
    log_format: LogFormat = "json"

    @model_validator(mode="after")
    def _one_owner(self) -> Self:
        # Otherwise everybody who reaches the port could use the file's token.
        if self.mcp_listen is not None and self.token_file is not None:
            raise ValueError(
                f"{PREFIX}TOKEN_FILE: is for stdio; with {PREFIX}MCP_LISTEN callers bring their own tokens"
            )
        return self


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> McpSettings:
    """Return the settings, as ``config.read`` reads them; ignore those of the operator and the agent."""
    foreign = {
        f"{PREFIX}{name}".upper() for name in ServeSettings.model_fields.keys() - McpSettings.model_fields
    }
    own = {
        name: value
        for name, value in environ.items()
        if name not in foreign and not name.startswith(AGENT_PREFIX)
    }
    return read(McpSettings, PREFIX, flags, own)
