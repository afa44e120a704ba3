"""The programs of the control plane: their order, flags and health endpoints."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tests.e2e.cluster.programs import binaries

Component = Literal["etcd", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kwok"]
COMPONENTS: tuple[Component, ...] = get_args(Component)  # in the order they start

Listener = Literal["etcd", "etcd-peer", "kube-apiserver", "kube-scheduler", "kube-controller-manager", "kwok"]
LISTENERS: tuple[Listener, ...] = get_args(Listener)

HOST = "127.0.0.1"
SERVICES = "10.96.0.0/16"
NODE = "gpu-node-1"  # the real node, where there is one

# Of dynamic resource allocation all is on by default but what tells of pools (KEP-5677, alpha in 1.37).
FEATURE_GATES = "DRAResourcePoolStatus=true"
RUNTIME_CONFIG = "resource.k8s.io/v1alpha3=true"

KWOK_CONFIGURATION = Path(__file__).parent / "kwok.yaml"

# The users that RBAC's default bindings give each component's rights to
# (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles).
USERS: dict[str, tuple[str, str]] = {
    "admin": ("admin", "system:masters"),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kwok": ("kwok", "system:masters"),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "kube-proxy": ("system:kube-proxy", ""),
}


@dataclass(frozen=True)
class Site:
    """Where one control plane keeps its files, where it listens, and how often its nodes report."""

    programs: Path
    data: Path
    ports: dict[Listener, int]
    heartbeat_s: int
    host: str = HOST

    @property
    def etcd_data(self) -> Path:
        """The folder with etcd's database."""
        return self.data / "etcd"

    @property
    def serving_chain(self) -> Path:
        """The certificate that the apiserver makes for itself, and its CA's."""
        return self.data / "apiserver.crt"

    @property
    def ca(self) -> Path:
        """The CA's certificate alone."""
        return self.data / "ca.crt"

    @property
    def client_ca(self) -> Path:
        """The certificate of the CA that signs users' client certificates."""
        return self.data / "client-ca.crt"

    @property
    def client_ca_key(self) -> Path:
        """Its key."""
        return self.data / "client-ca.key"

    @property
    def service_account_key(self) -> Path:
        """The key that signs service accounts' tokens."""
        return self.data / "service-account.key"

    @property
    def tokens(self) -> Path:
        """The apiserver's static token file: a line `token,user,uid,groups` for each of USERS."""
        return self.data / "tokens.csv"

    def kubeconfig(self, user: str) -> Path:
        """The kubeconfig of one of USERS."""
        return self.data / f"{user}.kubeconfig"

    def url(self, listener: Listener) -> str:
        """The base URL of a listener."""
        scheme = "http" if listener in ("etcd", "etcd-peer", "kwok") else "https"
        return f"{scheme}://{self.host}:{self.ports[listener]}"


def health_url(component: Component, site: Site) -> str:
    """Return the URL that answers 200 once the component does its work."""
    path = {"etcd": "/health", "kube-apiserver": "/readyz", "kube-scheduler": "/readyz"}.get(
        component, "/healthz"
    )
    return site.url(component) + path


def argv(component: Component, site: Site, changed: Mapping[str, object] | None = None) -> list[str]:
    """Return the command line of a component, with some flags `changed`."""
    flags = _FLAGS[component](site) | dict(changed or {})
    return [str(site.programs / component), *(f"--{name}={value}" for name, value in flags.items())]


def _etcd(site: Site) -> dict[str, object]:
    return {
        "data-dir": site.etcd_data,
        "listen-client-urls": site.url("etcd"),
        "advertise-client-urls": site.url("etcd"),
        "listen-peer-urls": site.url("etcd-peer"),
        "initial-advertise-peer-urls": site.url("etcd-peer"),
        "initial-cluster": f"default={site.url('etcd-peer')}",
        "unsafe-no-fsync": "true",  # the data are a test's
        "quota-backend-bytes": 8 << 30,
        "log-level": "warn",
    }


def _apiserver(site: Site) -> dict[str, object]:
    return {
        "etcd-servers": site.url("etcd"),
        "bind-address": site.host,
        "advertise-address": site.host,
        "secure-port": site.ports["kube-apiserver"],
        # Loopback is no address for the `kubernetes` service's endpoints.
        "endpoint-reconciler-type": "none" if site.host == HOST else "lease",
        "kubelet-preferred-address-types": "InternalIP",
        "cert-dir": site.data,
        "service-cluster-ip-range": SERVICES,
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": site.service_account_key,
        "service-account-signing-key-file": site.service_account_key,
        "authorization-mode": "Node,RBAC",
        "token-auth-file": site.tokens,
        "client-ca-file": site.client_ca,
        "feature-gates": FEATURE_GATES,
        "runtime-config": RUNTIME_CONFIG,
        "shutdown-delay-duration": "0s",
    }


def _scheduler(site: Site) -> dict[str, object]:
    return {
        "kubeconfig": site.kubeconfig("kube-scheduler"),
        "bind-address": site.host,
        "secure-port": site.ports["kube-scheduler"],
        "authorization-always-allow-paths": "/healthz,/livez,/readyz,/metrics,/metrics/resources",
        "leader-elect": "false",
        "kube-api-qps": 2000,
        "kube-api-burst": 4000,
    }


def _controller_manager(site: Site) -> dict[str, object]:
    return {
        "kubeconfig": site.kubeconfig("kube-controller-manager"),
        "bind-address": site.host,
        "secure-port": site.ports["kube-controller-manager"],
        "leader-elect": "false",
        "kube-api-qps": 500,
        "kube-api-burst": 1000,
        "use-service-account-credentials": "true",
        "feature-gates": FEATURE_GATES,
        "service-account-private-key-file": site.service_account_key,
        "root-ca-file": site.ca,
        "node-monitor-period": "2s",
        "node-monitor-grace-period": f"{4 * site.heartbeat_s}s",
    }


def _kwok(site: Site) -> dict[str, object]:
    return {
        "kubeconfig": site.kubeconfig("kwok"),
        "config": f"{KWOK_CONFIGURATION},{site.programs / binaries.KWOK_STAGES}",
        "server-address": f"{HOST}:{site.ports['kwok']}",
        "node-lease-duration-seconds": 4 * site.heartbeat_s,  # kwok renews a lease in each quarter of it
        "v": "WARN",  # below, it writes a line for each lease that it renews
    }


_FLAGS = {
    "etcd": _etcd,
    "kube-apiserver": _apiserver,
    "kube-scheduler": _scheduler,
    "kube-controller-manager": _controller_manager,
    "kwok": _kwok,
}
