"""Settings: from ``LENS_*`` variables or flags, checked at start, with errors that name the setting."""

import errno
import ipaddress
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

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
from lens.model.inventory.objects.fraction import RESERVATIONS
from lens.model.k8s.node_selection import NodeSelection
from lens.model.k8s.taints import TaintPolicy
from lens.model.k8s.vendors import GPU_DRIVERS, GPU_RESOURCES, TOLERATED_TAINTS

PREFIX = "LENS_"
AGENT_PREFIX = "LENS_AGENT_"
"""The agent's own settings, which may be in one environment with the operator's."""

# Kubernetes puts variables like LENS_API_SERVICE_HOST and LENS_API_PORT_80_TCP_ADDR into every container
# for a Service that is called lens-api: https://kubernetes.io/docs/concepts/services-networking/service/
# Its LENS_API_PORT is a URL, and so differs from a port that somebody meant for a setting.
_SERVICE_VARIABLE = re.compile(
    r".*_SERVICE_(HOST|PORT(_.*)?)=.*|.*_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=.*|.*_PORT=\w+://.*",
    re.DOTALL,
)


_SHOWN_CHARS = 60

_PROBLEMS = {
    "missing": "is required",
    "int_parsing": "{given} is no whole number",
    "int_from_float": "{given} is no whole number",
    "float_parsing": "{given} is no number",
    "finite_number": "{given} is no number",
    "bool_parsing": "{given} is neither true nor false",
    "literal_error": "{given} is not {expected}",
    "string_pattern_mismatch": "{given} is no valid name: letters and digits, with - . _ between them",
    "greater_than_equal": "{given} is less than {ge:g}",
    "greater_than": "{given} is not more than {gt:g}",
    "less_than_equal": "{given} is more than {le:g}",
    "less_than": "{given} is not less than {lt:g}",
    "too_short": "names nothing",
}
"""What is wrong, by pydantic's type of the error."""

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
        description="The extended resources that are GPUs; * matches anything, a leading ! excludes names.",
    ),
]


def _drivers(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        if not re.fullmatch(r"!?[a-z0-9.*?-]+", pattern):
            raise ValueError(f"{pattern!r} is not the name of a DRA driver, such as gpu.nvidia.com")
    return patterns


def _node_labels(requirements: tuple[str, ...]) -> tuple[str, ...]:
    NodeSelection.parse(requirements)
    return requirements


def _frame_ancestors(sources: tuple[str, ...]) -> tuple[str, ...]:
    for source in sources:
        if not re.fullmatch(r"'self'|https?://(\*\.)?[A-Za-z0-9.-]+(:([0-9]{1,5}|\*))?", source):
            raise ValueError(f"{source!r} is not an origin, such as https://backstage.example.com, or 'self'")
    return sources


LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"], Field(description="The lowest level that is logged.")
]
LogFormat = Annotated[Literal["json", "text"], Field(description="The format of a log line.")]


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
            if error.errno == errno.EADDRINUSE:
                reason += ": choose another port, or 0 for any"
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
    """The settings of ``lens serve``."""

    groups: ClassVar[Mapping[str, str]] = {
        "cluster": "What is served, and where",
        "auth": "Access",
        "requests_per_minute": "Limits",
        "tls_cert_file": "HTTPS",
        "metrics_open": "Metrics",
        "cache_seconds": "Age of the figures",
        "kubeconfig": "The apiserver",
        "gpu_resources": "What counts as a GPU",
        "telemetry": "Telemetry",
        "alert_for_seconds": "Alerts and events",
        "peers": "Other clusters",
        "log_level": "Log",
    }
    """The first setting of each group of the help, and the group's title."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    cluster: str = Field(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$",
        description="The name of the cluster that this Lens watches.",
    )
    listen: Annotated[ListenAddress, BeforeValidator(ListenAddress.parse)] = Field(
        default=ListenAddress("127.0.0.1:8080"), description="The address to serve HTTP on, as host:port."
    )
    auth: Literal["kubernetes", "static", "none"] = Field(
        default="static",
        description="How callers are authenticated: kubernetes by the cluster's TokenReviews and RBAC (the "
        "default in a cluster), static by the tokens file, none not at all (loopback only).",
    )
    tokens_file: Path | None = Field(
        default=None, description="The YAML file with the hashed tokens, for auth=static."
    )
    token_audiences: CommaSeparated = Field(
        default=(),
        description="The audiences that tokens must have, for auth=kubernetes; by default the apiserver's.",
    )
    access_stale_seconds: float = Field(
        default=600.0,
        ge=0,
        le=86400,
        description="How long a granted review stays valid while the apiserver doesn't answer, "
        "for auth=kubernetes.",
    )
    requests_per_minute: int = Field(
        default=500,
        ge=1,
        le=1_000_000,
        description="The requests per minute that a caller may send to one endpoint.",
    )
    requests_burst: int = Field(
        default=1000, ge=1, le=1_000_000, description="The requests that may come in one burst."
    )
    streams_per_caller: int = Field(
        default=20, ge=1, le=100_000, description="The streams that a caller may have open."
    )
    tls_cert_file: Path | None = Field(
        default=None, description="The certificate chain to serve HTTPS with; a changed file is read again."
    )
    tls_key_file: Path | None = Field(default=None, description="The certificate's private key.")
    page_frame_ancestors: Annotated[CommaSeparated, AfterValidator(_frame_ancestors)] = Field(
        default=(),
        description="The origins whose pages may show Lens' page in a frame, such as "
        "https://backstage.example.com; by default none may.",
    )
    metrics_open: bool = Field(default=False, description="Whether /metrics needs no token.")
    metrics_namespaces: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="The number of namespaces that lens_allocated_gpus names, those with the most GPUs; the "
        "others are added up. 0 leaves the metric out.",
    )
    metrics_alerts: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="The number of alerts whose node, GPU and pod lens_alert_info names, the most severe "
        "first. 0 leaves the metric out.",
    )
    cache_seconds: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="How long a response is cached while nothing changes; 0 disables caching.",
    )
    ready_max_age_seconds: float = Field(
        default=300.0, gt=0, description="The age of the data above which /readyz responds with 503."
    )
    kubeconfig: Path | None = Field(
        default=None,
        description="The kubeconfig; by default the pod's service account, or else kubectl's default.",
    )
    kube_context: str | None = Field(default=None, description="The context of the kubeconfig.")
    gpu_resources: GpuResourcePatterns = GPU_RESOURCES
    gpu_drivers: Annotated[CommaSeparated, AfterValidator(_drivers)] = Field(
        default=GPU_DRIVERS,
        min_length=1,
        description="The DRA drivers whose devices are GPUs; * matches anything, a leading ! excludes names.",
    )
    kai_namespace: str = Field(
        default=RESERVATIONS,
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        description="The namespace of KAI-Scheduler's reservation pods, which hold GPUs for the "
        "pods that share these.",
    )
    node_labels: Annotated[CommaSeparated, AfterValidator(_node_labels)] = Field(
        default=(),
        description="The labels of the nodes that this Lens counts, as name=value,name!=value,name,!name; by "
        "default it counts all. So several Lenses share a large cluster.",
    )
    tolerated_taints: CommaSeparated = Field(
        default=TOLERATED_TAINTS,
        description="The taints that GPU pods tolerate, as key[=value][:effect]; the key may have a *.",
    )
    telemetry: Literal["none", "agent", "dcgm", "amd"] = Field(
        default="none",
        description="The source of telemetry: Lens' agents, dcgm-exporter's pods, or AMD's exporter's pods.",
    )
    telemetry_namespace: str | None = Field(
        default=None, description="The namespace of the agents' or exporter's pods."
    )
    telemetry_selector: str = Field(
        default="app.kubernetes.io/name=lens-agent",
        description="The labels of the agents' or exporter's pods, as name=value,…",
    )
    telemetry_daemonset: str | None = Field(
        default=None, description="The DaemonSet whose pods are read, and no others; required for agents."
    )
    telemetry_port: int = Field(
        default=9479, ge=1, le=65535, description="The port of the agents or the exporter."
    )
    telemetry_token_file: Path | None = Field(
        default=None, description="The file with the bearer token for agents."
    )
    telemetry_ca_file: Path | None = Field(
        default=None,
        description="The CA of the agents' or exporter's certificates; with it they are read over TLS.",
    )
    telemetry_server_name: str | None = Field(
        default=None, description="The name in these certificates; by default the address of each pod."
    )
    telemetry_interval_seconds: float = Field(
        default=15.0, ge=1, le=300, description="The interval between two reads of an agent or exporter."
    )
    telemetry_timeout_seconds: float = Field(
        default=4.0, gt=0, le=60, description="The timeout of a read of an agent or exporter."
    )
    alert_for_seconds: float = Field(
        default=30.0,
        ge=0,
        le=86400,
        description="How long a condition has to last before it becomes an alert.",
    )
    alert_clear_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86400,
        description="How long a condition has to be absent before its alert clears.",
    )
    alert_idle_seconds: float = Field(
        default=3600.0,
        gt=0,
        le=604800,
        description="How long a pod may leave its GPUs idle before the alert.",
    )
    alert_idle_percent: float = Field(
        default=1.0, ge=0, lt=100, description="The utilization in percent up to which GPUs are idle."
    )
    alert_throttled_seconds: float = Field(
        default=300.0,
        ge=0,
        le=86400,
        description="How long heat or power may throttle a GPU before the alert.",
    )
    alert_pending_seconds: float = Field(
        default=900.0, ge=0, le=604800, description="How long a pod may wait for GPUs before the alert."
    )
    alert_not_ready_seconds: float = Field(
        default=60.0, ge=0, le=86400, description="How long a node may not be ready before the alert."
    )
    alert_cordoned_seconds: float = Field(
        default=3600.0,
        ge=0,
        le=604800,
        description="How long pods may hold GPUs on a cordoned node before the alert.",
    )
    alert_agent_seconds: float = Field(
        default=60.0, ge=0, le=86400, description="How long a node's telemetry may be stale before the alert."
    )
    alert_watch_age_seconds: float = Field(
        default=120.0,
        gt=30,
        le=86400,
        description="How long a watch may show no sign of life before the alert.",
    )
    events_kept: int = Field(
        default=1000, ge=0, le=100_000, description="The number of events that are kept."
    )
    peers: Path | None = Field(
        default=None,
        description="The YAML file of other clusters' Lenses, whose clusters this Lens serves too.",
    )
    peers_identity: Literal["service", "caller"] = Field(
        default="service",
        description="The token that is sent to other clusters' Lenses: one of this Lens, or the caller's.",
    )
    peers_timeout_seconds: float = Field(
        default=5.0, gt=0, le=60, description="The timeout of a request to another cluster's Lens."
    )
    log_level: LogLevel = "info"
    log_format: LogFormat = "json"

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
                f"{PREFIX}TELEMETRY_TIMEOUT_SECONDS: must be shorter than {PREFIX}TELEMETRY_INTERVAL_SECONDS"
            )
        self.exporters()
        return self

    def node_selection(self) -> NodeSelection:
        """Return which nodes are counted."""
        return NodeSelection.parse(self.node_labels)

    def thresholds(self) -> Thresholds:
        """Return the thresholds of alerts."""
        values = {name: getattr(self, f"alert_{name}") for name in Thresholds.__struct_fields__}
        return Thresholds(**values)

    def exporters(self) -> ExporterSelector | None:
        """Return which pods report GPUs. Raise ValueError for labels that can't be parsed."""
        if self.telemetry == "none" or self.telemetry_namespace is None:
            return None
        try:
            return ExporterSelector.parse(
                self.telemetry_namespace, self.telemetry_selector, self.telemetry_daemonset
            )
        except ValueError as error:
            raise ValueError(f"{PREFIX}TELEMETRY_SELECTOR: {error}") from None


def load(flags: Mapping[str, Any], environ: Mapping[str, str]) -> ServeSettings:
    """Return the operator's settings, as ``read`` reads them; in a pod the default of auth is kubernetes."""
    own = {name: value for name, value in environ.items() if not name.startswith(AGENT_PREFIX)}
    if environ.get("KUBERNETES_SERVICE_HOST") and not own.get(f"{PREFIX}AUTH"):
        own[f"{PREFIX}AUTH"] = "kubernetes"
    return read(ServeSettings, PREFIX, flags, own)


CLIENT_VARIABLES = frozenset(
    {
        "LENS_CA_FILE",
        "LENS_CLUSTER",
        "LENS_NAMESPACE",
        "LENS_SERVICE_ACCOUNT",
        "LENS_TOKEN",
        "LENS_TOKEN_FILE",
        "LENS_URL",
    }
)
"""What the commands that ask a Lens read: a shell that has them may run the others too."""


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
        and name not in CLIENT_VARIABLES
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
    message = _PROBLEMS.get(error["type"], str(error["msg"]).removeprefix("Value error, "))
    given = ascii(str(error["input"])[:_SHOWN_CHARS])
    message = message.format(given=given, **error.get("ctx", {})) if error["type"] in _PROBLEMS else message
    return f"{prefix}{error['loc'][0]}".upper() + f": {message}" if error["loc"] else message
