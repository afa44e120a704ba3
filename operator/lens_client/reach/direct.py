"""A Lens at an address of its own."""

import functools
import socket
from collections.abc import Mapping

from lens_client.api.client import Bearer, Lens
from lens_client.exits import CommandError, UsageError
from lens_client.options import Options
from lens_client.reach.connection import Page
from lens_client.transport import dial, proxies, tls
from lens_client.transport.deadline import Deadline
from lens_client.transport.endpoint import parse
from lens_client.transport.http import HttpClient

_OF_THE_KUBECONFIG = {
    "--as": "as_user",
    "--as-group": "as_group",
    "--context": "context",
    "--kubeconfig": "kubeconfig",
    "--lens-namespace": "lens_namespace",
    "--service-account": "service_account",
}


class Direct:
    """A Lens at its own address."""

    namespace: str | None = None

    def __init__(
        self, url: str, options: Options, environ: Mapping[str, str], token: str | None, agent: str
    ) -> None:
        """Raise UsageError for an address or a file that can't be used."""
        source = "--server" if options.server else "LENS_URL"
        _check_alone(source, options)
        try:
            endpoint = parse(url)
        except ValueError as error:
            raise UsageError(f"{source}: {error}") from None
        context = None
        if endpoint.scheme == "https":
            file = options.certificate_authority or environ.get("LENS_CA_FILE")
            context = tls.context(ca_file=file, insecure=options.insecure_skip_tls_verify)
        connect = functools.partial(
            dial.connect, endpoint, tls=context, proxy=proxies.from_environment(endpoint, environ)
        )
        self._http = HttpClient(endpoint.authority, connect, [("User-Agent", agent)])
        self._endpoint, self._token = endpoint, token
        self._lens = Lens(
            self._http,
            f"Lens at {endpoint.url}",
            Bearer(self._token),
            options.request_timeout,
            options.cluster or environ.get("LENS_CLUSTER"),
            endpoint.path,
        )

    def lens(self) -> Lens:
        """Return the Lens; its first request connects."""
        return self._lens

    def page(self) -> Page:
        """Return Lens' address."""
        return Page(self._endpoint.scheme, f"{self._endpoint.url}/")

    def token(self) -> str | None:
        """Return the given token."""
        return self._token

    def join(self, local: socket.socket, deadline: Deadline) -> None:
        """Raise CommandError: there is no port to forward."""
        raise CommandError(f"{self._endpoint.url} is reached without a port-forward")

    def labelled(self, plural: str, selector: str, namespace: str | None) -> set[tuple[str, str]]:
        """Raise UsageError: only an apiserver knows labels."""
        raise UsageError("-l: only the kubeconfig's apiserver knows labels, and --server isn't one")

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def _check_alone(source: str, options: Options) -> None:
    """Raise UsageError for an option that another way to Lens takes: it would name another Lens, or user."""
    for option, name in _OF_THE_KUBECONFIG.items():
        if getattr(options, name) is not None:
            raise UsageError(
                f"{option} belongs to the kubeconfig, but {source} names Lens already: leave one out"
            )
