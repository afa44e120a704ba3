"""The agent's settings: from ``LENS_AGENT_*`` variables or flags, checked at start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from lens.config.field_types import GpuResourcePatterns, LogFormat, LogLevel
from lens.config.listen_address import ListenAddress
from lens.config.reading import AGENT_PREFIX, read
from lens.model.k8s.vendors import GPU_RESOURCES

PODRESOURCES_SOCKET = Path("/var/lib/kubelet/pod-resources/kubelet.sock")
"""The kubelet's socket, unless the kubelet has another root directory."""


class AgentSettings(BaseModel):
    """The settings of ``lens agent``."""

    groups: ClassVar[Mapping[str, str]] = {
        "node": "What is served, and where",
        "interval_seconds": "The GPUs",
        "dcgm_names": "Metrics",
        "tls_cert_file": "HTTPS",
        "log_level": "Log",
    }

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    node: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$",
        description="The name of the node that the agent runs on.",
    )
    listen: Annotated[ListenAddress, BeforeValidator(ListenAddress.parse)] = Field(
        default=ListenAddress("127.0.0.1:9479"), description="Where to serve HTTP, as host:port."
    )
    token_file: Path | None = Field(
        default=None,
        description="The file with the bearer tokens, one a line. Without it the agent serves only loopback.",
    )
    interval_seconds: float = Field(
        default=5.0, ge=0.2, le=300, description="Seconds between two samples of the GPUs."
    )
    podresources_socket: Path = Field(
        default=PODRESOURCES_SOCKET, description="The socket of the kubelet's PodResources API."
    )
    gpu_resources: GpuResourcePatterns = GPU_RESOURCES
    dcgm_names: bool = Field(
        default=False,
        description="Whether /metrics also has dcgm-exporter's names. Beside a real one, sums would double.",
    )
    tls_cert_file: Path | None = Field(
        default=None, description="The server certificate for HTTPS, with its chain."
    )
    tls_key_file: Path | None = Field(default=None, description="The private key of the certificate.")
    log_level: LogLevel = "info"
    log_format: LogFormat = "json"

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.token_file is None and not self.listen.is_loopback:
            raise ValueError(
                f"{AGENT_PREFIX}TOKEN_FILE: is required, "
                f"since {AGENT_PREFIX}LISTEN is {self.listen}, not loopback"
            )
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError(
                f"{AGENT_PREFIX}TLS_CERT_FILE and {AGENT_PREFIX}TLS_KEY_FILE: one needs the other"
            )
        return self


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> AgentSettings:
    """Return the agent's settings, as ``lens.config.reading.read`` reads them."""
    return read(AgentSettings, AGENT_PREFIX, flags, environ)
