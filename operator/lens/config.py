"""Settings: from ``LENS_*`` variables or flags, checked at start, with errors that name the setting."""

import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from lens.model.alerts.alert import Thresholds
from lens.model.gpu.exporters import ExporterSelector
from lens.model.k8s.taints import TaintPolicy
from lens.model.k8s.vendors import GPU_RESOURCES, TOLERATED_TAINTS

PREFIX = "LENS_"
AGENT_PREFIX = "LENS_AGENT_"
"""The agent's own settings, which may stand in one environment with the operator's."""

# Kubernetes puts variables like LENS_API_SERVICE_HOST and LENS_API_PORT_80_TCP_ADDR into every container
# for a Service that is called lens-api: https://kubernetes.io/docs/concepts/services-networking/service/
# Its LENS_API_PORT is a URL, which tells it from a port that somebody meant for a setting.
_SERVICE_VARIABLE = re.compile(
    r".*_SERVICE_(HOST|PORT(_.*)?)=.*|.*_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*|.*_PORT=\w+://.*",
    re.DOTALL,
)


Settings = TypeVar("Settings", bound=BaseModel)


class SettingsError(Exception):
    """A setting is missing, unknown or impossible; the message names it."""


class ListenError(SettingsError):
    """An address can't be listened on."""


def _split(value: object) -> object:
    return (
        [part for part in (p.strip() for p in value.split(",")) if part] if isinstance(value, str) else value
    )


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _resource_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        if not re.fullmatch(r"!?[A-Za-z0-9.*?-]+/[A-Za-z0-9._*?-]+", pattern):
            raise ValueError(f"{pattern!r} is not the name of an extended resource, such as nvidia.com/gpu")
    return patterns


GpuResourcePatterns = Annotated[
    CommaSeparated,
    AfterValidator(_resource_patterns),
    Field(
        min_length=1,
        description="The extended resources that are GPUs; * matches anything, a leading ! takes out.",
    ),
]


class ListenAddress(str):
    """``host:port``; an IPv6 host in brackets; port 0 lets the system pick."""

    @property
    def host(self) -> str:
        """Return the host without brackets."""
        return self.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Return the port."""
        return int(self.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can reach it."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback

    def listen(self, setting: str, backlog: int) -> socket.socket:
        """Return a listening socket; that of ``::`` takes IPv4 too. Raise ListenError, naming the setting."""
        ipv6 = ":" in self.host
        try:
            return socket.create_server(
                (self.host, self.port),
                family=socket.AF_INET6 if ipv6 else socket.AF_INET,
                backlog=backlog,
                dualstack_ipv6=self.host == "::" and socket.has_dualstack_ipv6(),
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ListenError(f"{setting}: can't listen on {self}: {reason}") from error

    @classmethod
    def parse(cls, text: object) -> Self:
        """Check ``host:port``. Raise ValueError for anything else."""
        match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[0-9.]+|localhost):([0-9]{1,5})", str(text))
        if match is None or int(match[2]) > 65535:
            raise ValueError("is an address and a port, such as 127.0.0.1:8080 or [::]:8080")
        if match[1] != "localhost":
            ipaddress.ip_address(match[1].strip("[]"))
        return cls(text)


class ServeSettings(BaseModel):
    """What ``lens serve`` can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    cluster: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$",
        description="The name of the cluster that this Lens answers for.",
    )
    listen: Annotated[ListenAddress, BeforeValidator(ListenAddress.parse)] = Field(
        default=ListenAddress("127.0.0.1:8080"), description="Where to serve HTTP, as host:port."
    )
    auth: Literal["kubernetes", "static", "none"] = Field(
        default="static",
        description="Who may ask: whom the cluster's RBAC lets (the default in a cluster), bearers of a "
        "token in the tokens file, or everybody (loopback only).",
    )
    tokens_file: Path | None = Field(
        default=None, description="The YAML file with the hashed tokens, for auth=static."
    )
    token_audiences: CommaSeparated = Field(
        default=(),
        description="Whom tokens are to be made out to, for auth=kubernetes; by default the apiserver.",
    )
    access_stale_seconds: float = Field(
        default=600.0,
        ge=0,
        le=86400,
        description="How long the apiserver's yes stands while it gives no answer, for auth=kubernetes.",
    )
    requests_per_minute: int = Field(
        default=500, ge=1, le=1_000_000, description="How often a caller may ask one endpoint."
    )
    requests_burst: int = Field(
        default=1000, ge=1, le=1_000_000, description="How many of these requests may come at once."
    )
    streams_per_caller: int = Field(
        default=20, ge=1, le=100_000, description="How many streams a caller may have open."
    )
    tls_cert_file: Path | None = Field(
        default=None, description="The certificate chain to serve HTTPS with; read again as it changes."
    )
    tls_key_file: Path | None = Field(default=None, description="The certificate's private key.")
    metrics_open: bool = Field(default=False, description="Whether /metrics answers without a token.")
    cache_seconds: float = Field(
        default=30.0, ge=0, le=3600, description="How long a response is good for; 0 for no caching."
    )
    ready_max_age_seconds: float = Field(
        default=300.0, gt=0, description="The age of the data from which on /readyz says 503."
    )
    kubeconfig: Path | None = Field(
        default=None,
        description="A kubeconfig; without one the pod's service account, or else kubectl's default.",
    )
    kube_context: str | None = Field(default=None, description="The kubeconfig's context to use.")
    gpu_resources: GpuResourcePatterns = GPU_RESOURCES
    tolerated_taints: CommaSeparated = Field(
        default=TOLERATED_TAINTS,
        description="The taints that GPU pods are taken to tolerate, as key[=value][:effect]; * in the key.",
    )
    telemetry: Literal["none", "agent", "dcgm", "amd"] = Field(
        default="none",
        description="Who tells what the GPUs do: Lens' agents, or dcgm-exporter's or AMD's exporter's pods.",
    )
    telemetry_namespace: str | None = Field(default=None, description="The namespace of their pods.")
    telemetry_selector: str = Field(
        default="app.kubernetes.io/name=lens-agent", description="The labels of their pods, as name=value,…"
    )
    telemetry_daemonset: str | None = Field(
        default=None, description="The DaemonSet whose pods alone are believed; required for agents."
    )
    telemetry_port: int = Field(default=9479, ge=1, le=65535, description="The port that they listen on.")
    telemetry_token_file: Path | None = Field(
        default=None, description="The file with the bearer token for agents."
    )
    telemetry_ca_file: Path | None = Field(
        default=None, description="The CA of the agents' certificates; with it they are asked over TLS."
    )
    telemetry_server_name: str | None = Field(
        default=None, description="The name in the agents' certificates; without it their pods' addresses."
    )
    telemetry_interval_seconds: float = Field(
        default=15.0, ge=1, le=300, description="How often each of them is read."
    )
    telemetry_timeout_seconds: float = Field(
        default=4.0, gt=0, le=60, description="How long one of them may take to answer."
    )
    alert_for_seconds: float = Field(
        default=30.0, ge=0, le=86400, description="How long a condition lasts before it is an alert."
    )
    alert_clear_seconds: float = Field(
        default=60.0, ge=0, le=86400, description="How long it is to be gone before the alert is."
    )
    alert_idle_seconds: float = Field(
        default=3600.0, gt=0, le=604800, description="How long a pod may leave its GPUs idle."
    )
    alert_idle_percent: float = Field(
        default=1.0, ge=0, lt=100, description="The utilization up to which GPUs are idle."
    )
    alert_throttled_seconds: float = Field(
        default=300.0, ge=0, le=86400, description="How long heat or power may slow a GPU down."
    )
    alert_pending_seconds: float = Field(
        default=900.0, ge=0, le=604800, description="How long a pod may wait for GPUs."
    )
    alert_not_ready_seconds: float = Field(
        default=60.0, ge=0, le=86400, description="How long a node may not be ready."
    )
    alert_cordoned_seconds: float = Field(
        default=3600.0, ge=0, le=604800, description="How long a cordoned node may hold pods with GPUs."
    )
    alert_agent_seconds: float = Field(
        default=60.0, ge=0, le=86400, description="How long a node's telemetry may be stale."
    )
    alert_watch_age_seconds: float = Field(
        default=120.0, gt=30, le=86400, description="How long a watch may give no sign of life."
    )
    events_kept: int = Field(
        default=1000, ge=0, le=100_000, description="How many of the latest events are kept."
    )
    peers: Path | None = Field(
        default=None, description="The YAML file that names other clusters' Lenses, to answer for them too."
    )
    peers_identity: Literal["service", "caller"] = Field(
        default="service", description="Whose token they are shown: one of this Lens, or the caller's."
    )
    peers_timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, description="How long one of them may take to answer."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe level that is logged."
    )
    log_format: Literal["json", "text"] = Field(
        default="json", description="How a line of the log is written."
    )

    @field_validator("tolerated_taints")
    @classmethod
    def _taints(cls, taints: tuple[str, ...]) -> tuple[str, ...]:
        TaintPolicy(taints)
        return taints

    @model_validator(mode="after")
    def _access(self) -> Self:
        if self.auth == "none" and not self.listen.is_loopback:
            raise ValueError(f"{PREFIX}AUTH: none is for loopback only, and {PREFIX}LISTEN is {self.listen}")
        if self.auth == "static" and self.tokens_file is None:
            raise ValueError(f"{PREFIX}TOKENS_FILE: is required with {PREFIX}AUTH=static")
        if self.auth == "kubernetes" and self.tokens_file is not None:
            raise ValueError(f"{PREFIX}TOKENS_FILE: is for {PREFIX}AUTH=static, and it is kubernetes")
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError(f"{PREFIX}TLS_CERT_FILE: and {PREFIX}TLS_KEY_FILE go together")
        return self

    @model_validator(mode="after")
    def _telemetry_is_found(self) -> Self:
        required = {"none": (), "agent": ("namespace", "daemonset", "token_file")}
        for name in required.get(self.telemetry, ("namespace",)):
            if getattr(self, f"telemetry_{name}") is None:
                raise ValueError(
                    f"{PREFIX}TELEMETRY_{name.upper()}: is required with {PREFIX}TELEMETRY={self.telemetry}"
                )
        if self.telemetry_timeout_seconds >= self.telemetry_interval_seconds:
            raise ValueError(
                f"{PREFIX}TELEMETRY_TIMEOUT_SECONDS: is to be shorter than {PREFIX}TELEMETRY_INTERVAL_SECONDS"
            )
        self.exporters()
        return self

    def thresholds(self) -> Thresholds:
        """Return the thresholds of alerts."""
        values = {name: getattr(self, f"alert_{name}") for name in Thresholds.__struct_fields__}
        return Thresholds(**values)

    def exporters(self) -> ExporterSelector | None:
        """Return which pods tell of GPUs. Raise ValueError for labels that are none."""
        if self.telemetry == "none" or self.telemetry_namespace is None:
            return None
        try:
            return ExporterSelector.parse(
                self.telemetry_namespace, self.telemetry_selector, self.telemetry_daemonset
            )
        except ValueError as error:
            raise ValueError(f"{PREFIX}TELEMETRY_SELECTOR: {error}") from None


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> ServeSettings:
    """Return the operator's settings, as ``read`` reads them; in a pod who may ask is up to its cluster."""
    own = {name: value for name, value in environ.items() if not name.startswith(AGENT_PREFIX)}
    if environ.get("KUBERNETES_SERVICE_HOST") and not own.get(f"{PREFIX}AUTH"):
        own[f"{PREFIX}AUTH"] = "kubernetes"
    return read(ServeSettings, PREFIX, flags, own)


def read(
    settings: type[Settings], prefix: str, flags: Mapping[str, Any], environ: Mapping[str, str]
) -> Settings:
    """Return settings: flags (None for one that was not given) before the environment's.

    A variable that is set to nothing is not set. Raise SettingsError with one line that names each
    setting at fault.
    """
    variables = {f"{prefix}{name}".upper(): name for name in settings.model_fields}
    unknown = sorted(
        name
        for name, value in environ.items()
        if name.startswith(prefix)
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
        return settings(**values)
    except ValidationError as error:
        sentences = (_sentence(prefix, dict(each)) for each in error.errors())
        raise SettingsError("; ".join(sentences)) from None


def _sentence(prefix: str, error: dict[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    if error["type"] == "missing":
        message = "is required"
    return f"{prefix}{error['loc'][0]}".upper() + f": {message}"
