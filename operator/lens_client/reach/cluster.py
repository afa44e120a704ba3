"""A Lens in the cluster of a kubeconfig, reached by a port-forward."""

import importlib
import socket
import threading
from collections.abc import Mapping
from functools import cached_property

from lens_client.api.client import Bearer, Lens
from lens_client.exits import CommandError, UsageError
from lens_client.options import Options
from lens_client.reach import apiserver, find, kubeconfig, service_account
from lens_client.reach.apiserver import ApiServer, KubernetesError
from lens_client.reach.find import LensPod
from lens_client.reach.identity import Identity
from lens_client.reach.port_forward import PortForward
from lens_client.transport import proxies, tls
from lens_client.transport.deadline import Deadline
from lens_client.transport.endpoint import Endpoint, parse
from lens_client.transport.http import HttpClient


class ThroughCluster:
    """The way to a Lens in a kubeconfig's cluster. ``given`` is a token that the user named."""

    def __init__(self, options: Options, environ: Mapping[str, str], given: str | None, agent: str) -> None:
        """Read the kubeconfig. Raise CommandError."""
        self._options, self._environ, self._given, self._agent = options, environ, given, agent
        self._as = None if options.as_user is None else service_account.impersonated(options.as_user)
        if options.as_group:
            raise UsageError(
                "--as-group: the groups of a ServiceAccount are its own, and Lens takes no others"
            )
        self._config = kubeconfig.load(options.kubeconfig, options.context, environ)
        self.namespace: str | None = self._config.namespace

    @cached_property
    def apiserver(self) -> ApiServer:
        """The apiserver. Raise CommandError."""
        config = self._config
        try:
            endpoint = parse(config.cluster.server)
        except ValueError as error:
            raise CommandError(f"the kubeconfig's cluster {config.cluster.name!a}: server: {error}") from None
        proxy = config.cluster.proxy or proxies.from_environment(endpoint, self._environ)
        identity = Identity(config.user, config.cluster, self._environ, endpoint)
        return apiserver.connect(endpoint, identity, proxy, self._options.request_timeout, self._agent)

    @cached_property
    def pods(self) -> list[LensPod]:
        """The ready pods of the Lens, in the order in which they are tried. Raise CommandError."""
        # Its import takes a fifth of the whole, and the apiserver has to be waited for in any case.
        threading.Thread(target=importlib.import_module, args=["websockets.client"], daemon=True).start()
        chosen = self._options.lens_namespace or self._environ.get("LENS_NAMESPACE")
        return find.find(self.apiserver, chosen)

    @cached_property
    def bearer(self) -> "ClusterBearer":
        """The token for Lens. Raise CommandError."""
        return ClusterBearer(self)

    @cached_property
    def _lens(self) -> Lens:
        pod = self.pods[0]
        bearer = self.bearer
        forward = _Forwards(self.apiserver, self.pods)
        return Lens(
            HttpClient("lens", forward.connect, [("User-Agent", self._agent)]),
            f"Lens in namespace {pod.namespace}",
            bearer,
            self._options.request_timeout,
            self._options.cluster or pod.cluster,
            explain=forward.explain,
        )

    def lens(self) -> Lens:
        """Return the Lens. Raise CommandError."""
        return self._lens

    def close(self) -> None:
        """Close all connections."""
        if "_lens" in self.__dict__:
            self._lens.close()
        if "apiserver" in self.__dict__:
            self.apiserver.close()

    def new_token(self) -> str | None:
        """Return the token that Lens gets: the given one, the kubeconfig's own, or a ServiceAccount's.

        Raise CommandError.
        """
        identity, pod = self.apiserver.identity, self.pods[0]
        if self._given is not None:
            return self._given
        named = self._options.service_account or self._environ.get("LENS_SERVICE_ACCOUNT")
        if self._as is None and named is None and not identity.is_impersonating:
            token = identity.token
            if token is not None:
                return token
        source, account = "--service-account", named or service_account.DEFAULT
        why = f"Lens wants a token, {identity.who} has none"
        if self._as is not None:
            source, account, why = "--as", self._as, f"Lens wants a token of {self._as}"
        namespace, name = service_account.parse(account, source, pod.namespace)
        return service_account.request(self.apiserver, namespace or pod.namespace, name, why)


class ClusterBearer(Bearer):
    """The token for Lens, which is requested anew when Lens doesn't accept it any more."""

    def __init__(self, way: ThroughCluster) -> None:
        super().__init__(way.new_token())
        self._way = way

    def renew(self) -> bool:
        """Request another token, unless the same one comes again. Raise CommandError."""
        old, self.token = self.token, self._way.new_token()
        return self.token != old


class _Forwards:
    """Port-forwards to the first of some pods that can be reached."""

    def __init__(self, server: ApiServer, pods: list[LensPod]) -> None:
        self._pods = [(pod, PortForward(server, pod.namespace, pod.name, pod.port)) for pod in pods]

    def connect(self, deadline: Deadline) -> socket.socket:
        """Return a connection to Lens. Raise CommandError, or OSError."""
        while True:
            pod, forward = self._pods[0]
            try:
                connection = forward.connect(deadline)
            except KubernetesError as error:
                if error.code not in (404, 500, 502, 503) or len(self._pods) == 1:
                    raise
                # The pod is gone, or its node doesn't answer.
                self._pods.pop(0)
                continue
            return connection if pod.scheme == "http" else self._with_tls(connection, deadline)

    def explain(self, error: OSError) -> str:
        """Return why a request failed."""
        return self._pods[0][1].explain(error)

    @staticmethod
    def _with_tls(connection: socket.socket, deadline: Deadline) -> socket.socket:
        # No certificate names a pod: the apiserver and the kubelet decide what is at the end of the tunnel.
        connection.settimeout(deadline.left())
        try:
            return tls.context(insecure=True).wrap_socket(connection, server_hostname="lens")
        except BaseException:
            connection.close()
            raise


def endpoint_of_pod(pod: LensPod, port: int) -> Endpoint:
    """Return the address under which a forwarded port is reached from this machine."""
    return Endpoint(pod.scheme, "127.0.0.1", port)
