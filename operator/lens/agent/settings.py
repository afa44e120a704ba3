"""The agent's settings: from ``LENS_AGENT_*`` variables or flags, checked at start."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from lens.config import CommaSeparated, ListenAddress, SettingsError
from lens.model.resources import GPU_RESOURCES

PREFIX = "LENS_AGENT_"

PODRESOURCES_SOCKET = Path("/var/lib/kubelet/pod-resources/kubelet.sock")
"""Where a kubelet answers, unless its root directory is another."""

# What Kubernetes puts into containers for a Service that is called lens-agent, as lens.config has it.
_SERVICE_VARIABLE = re.compile(
    r".*_SERVICE_(HOST|PORT(_.*)?)=.*|.*_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*|.*_PORT=\w+://.*",
    re.DOTALL,
)


class AgentSettings(BaseModel):
    """What ``lens agent`` can be told."""

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
        description="The file with the bearer token, or several, one a line; without it on loopback only.",
    )
    interval_seconds: float = Field(
        default=5.0, ge=0.2, le=300, description="How often the GPUs are sampled."
    )
    podresources_socket: Path = Field(
        default=PODRESOURCES_SOCKET, description="The socket of the kubelet's PodResources API."
    )
    gpu_resources: CommaSeparated = Field(
        default=GPU_RESOURCES,
        min_length=1,
        description="The extended resources that are GPUs; * matches anything, a leading ! takes out.",
    )
    dcgm_names: bool = Field(
        default=False,
        description="Whether /metrics has dcgm-exporter's names too; beside a real one sums would double.",
    )
    tls_cert_file: Path | None = Field(
        default=None, description="The certificate, with its chain, to serve HTTPS with."
    )
    tls_key_file: Path | None = Field(default=None, description="The certificate's key.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe level that is logged."
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="How a line of the log is written."
    )

    @field_validator("gpu_resources")
    @classmethod
    def _resource_patterns(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if not re.fullmatch(r"!?[A-Za-z0-9.*?-]+/[A-Za-z0-9._*?-]+", pattern):
                raise ValueError(
                    f"{pattern!r} is not the name of an extended resource, such as nvidia.com/gpu"
                )
        return patterns

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.token_file is None and not self.listen.is_loopback:
            raise ValueError(
                f"{PREFIX}TOKEN_FILE: is required, since {PREFIX}LISTEN is {self.listen}, not loopback"
            )
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError(f"{PREFIX}TLS_CERT_FILE and {PREFIX}TLS_KEY_FILE: one needs the other")
        return self


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> AgentSettings:
    """Return the settings: flags (None for one that was not given) before the environment.

    A variable that is set to nothing is not set. Raise SettingsError with one line that names each
    setting at fault.
    """
    variables = {f"{PREFIX}{name}".upper(): name for name in AgentSettings.model_fields}
    unknown = sorted(
        name
        for name, value in environ.items()
        if name.startswith(PREFIX)
        and name not in variables
        and not _SERVICE_VARIABLE.fullmatch(f"{name}={value}")
    )
    if unknown:
        raise SettingsError(f"{', '.join(unknown)}: unknown setting")
    values: dict[str, Any] = {
        name: environ[variable] for variable, name in variables.items() if environ.get(variable)
    }
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        return AgentSettings(**values)
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(dict(each)) for each in error.errors())) from None


def _sentence(error: dict[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    if error["type"] == "missing":
        message = "is required"
    return f"{PREFIX}{error['loc'][0]}".upper() + f": {message}"
