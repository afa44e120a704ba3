"""The settings of ``lens serve``, checked at start."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from lens.config.field_types import (
    CommaSeparated,
    DriverPatterns,
    FrameAncestors,
    GpuResourcePatterns,
    LogFormat,
    LogLevel,
    NodeLabels,
)
from lens.config.listen_address import ListenAddress
from lens.config.reading import AGENT_PREFIX, PREFIX, read
from lens.model.alerts.alert import Thresholds
from lens.model.gpu.exporters import ExporterSelector
from lens.model.inventory.objects.fraction import RESERVATIONS
from lens.model.k8s.node_selection import NodeSelection
from lens.model.k8s.taints import TaintPolicy
from lens.model.k8s.vendors import GPU_DRIVERS, GPU_RESOURCES, TOLERATED_TAINTS


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
    page_frame_ancestors: FrameAncestors = Field(
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
    gpu_drivers: DriverPatterns = Field(
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
    node_labels: NodeLabels = Field(
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
