"""A Lens in the cluster of a kubeconfig, reached by a port-forward."""

import importlib
import socket
import threading
from collections.abc import Mapping
from functools import cached_property

from lens_client.api.client import Bearer, Lens
from lens_client.exits import CommandError, UsageError
from lens_client.options import Options
from lens_client.reach import find, labels, service_account
from lens_client.reach.apiserver import ApiServer
from lens_client.reach.connection import Page
from lens_client.reach.find import LensPod
from lens_client.reach.forwards import Forwards
from lens_client.reach.identity import Identity
from lens_client.reach.kubeconfig import contexts
from lens_client.reach.service_account import ServiceAccount
from lens_client.transport import proxies
from lens_client.transport.deadline import Deadline
from lens_client.transport.endpoint import parse
from lens_client.transport.http import HttpClient


class ThroughCluster:
    """The way to a Lens in a kubeconfig's cluster. ``given`` is a token that the user named."""

    def __init__(self, options: Options, environ: Mapping[str, str], given: str | None, agent: str) -> None:
        """Read the kubeconfig. Raise CommandError."""
        self._options, self._environ, self._given, self._agent = options, environ, given, agent
        self._as = None if options.as_user is None else service_account.impersonated(options.as_user)
        self._account = _service_account(options, environ)
        if options.as_group:
            raise UsageError(
                "--as-group: the groups of a ServiceAccount are its own, and Lens takes no others"
            )
        self._config = contexts.load(options.kubeconfig, options.context, environ)
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
        return ApiServer(endpoint, identity, proxy, self._options.request_timeout, self._agent)

    @cached_property
    def pods(self) -> list[LensPod]:
        """The ready pods of the Lens, in the order in which they are tried. Raise CommandError."""
        # Its import takes a fifth of the whole, and the apiserver has to be waited for in any case.
        threading.Thread(target=importlib.import_module, args=["websockets.client"], daemon=True).start()
        return self._find()

    def _find(self) -> list[LensPod]:
        chosen = self._options.lens_namespace or self._environ.get("LENS_NAMESPACE")
        return find.find(self.apiserver, chosen)

    @cached_property
    def forwards(self) -> Forwards:
        """Connections to the Lens. Raise CommandError."""
        return Forwards(self.apiserver, self.pods, self._find)

    @cached_property
    def bearer(self) -> "ClusterBearer":
        """The token for Lens. Raise CommandError."""
        return ClusterBearer(self)

    @cached_property
    def _lens(self) -> Lens:
        pod = self.pods[0]
        bearer = self.bearer
        return Lens(
            HttpClient("lens", self.forwards.connect, [("User-Agent", self._agent)]),
            f"Lens in namespace {pod.namespace}",
            bearer,
            self._options.request_timeout,
            self._options.cluster or pod.cluster,
            explain=self.forwards.explain,
        )

    def lens(self) -> Lens:
        """Return the Lens. Raise CommandError."""
        return self._lens

    def page(self) -> Page:
        """Return how the page is reached by a forwarded port. Raise CommandError."""
        return Page(self.forwards.scheme, None)

    def token(self) -> str | None:
        """Return the token for Lens. Raise CommandError."""
        return self.bearer.token

    def join(self, local: socket.socket, deadline: Deadline) -> None:
        """Join a connection to Lens' port until one side closes. Raise CommandError, and leave it open."""
        self.forwards.join(local, deadline)

    def labelled(self, plural: str, selector: str, namespace: str | None) -> set[tuple[str, str]]:
        """Return namespace and name of the pods or nodes that a selector selects. Raise CommandError."""
        return labels.labelled(self.apiserver, plural, selector, namespace)

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
        chosen = self._as or self._account
        if chosen is None and not identity.is_impersonating:
            token = identity.token
            if token is not None:
                return token
        account = chosen or service_account.DEFAULT
        why = f"Lens wants a token{f' of {account.name}' if chosen else f', {identity.who} has none'}"
        return service_account.request(self.apiserver, account.namespace or pod.namespace, account.name, why)


def _service_account(options: Options, environ: Mapping[str, str]) -> ServiceAccount | None:
    if options.service_account is not None:
        return service_account.parse(options.service_account, "--service-account")
    named = environ.get("LENS_SERVICE_ACCOUNT")
    return service_account.parse(named, "LENS_SERVICE_ACCOUNT") if named else None


class ClusterBearer(Bearer):
    """The token for Lens, which is requested again when Lens rejects it."""

    def __init__(self, way: ThroughCluster) -> None:
        super().__init__(way.new_token())
        self._way = way

    def renew(self) -> bool:
        """Request another token, unless the same one comes again. Raise CommandError."""
        old, self.token = self.token, self._way.new_token()
        return self.token != old
