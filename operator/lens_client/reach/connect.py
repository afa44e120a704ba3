"""Which Lens is asked: that of --server or LENS_URL, else one in the kubeconfig's cluster."""

import functools
from collections.abc import Mapping
from typing import Protocol

from lens_client import __version__
from lens_client.api.client import Bearer, Lens
from lens_client.exits import UsageError
from lens_client.options import Options
from lens_client.transport import dial, proxies, tls
from lens_client.transport.endpoint import parse
from lens_client.transport.http import HttpClient

USER_AGENT = f"kubectl-lens/{__version__}"

MAX_TOKEN_BYTES = 64 * 1024


class Connection(Protocol):
    """A way to a Lens."""

    namespace: str | None
    """The namespace that is asked about unless -n names one; None: all."""

    def lens(self) -> Lens:
        """Return the Lens. Raise CommandError."""

    def close(self) -> None:
        """Close everything."""


def find(options: Options, environ: Mapping[str, str]) -> Connection:
    """Return the way to the Lens that is meant. Raise CommandError."""
    url = options.server or environ.get("LENS_URL")
    if url:
        return Direct(url, options, environ)
    from lens_client.reach.cluster import ThroughCluster

    return ThroughCluster(options, environ, given_token(options, environ), USER_AGENT)


def given_token(options: Options, environ: Mapping[str, str]) -> str | None:
    """Return the token of --token, LENS_TOKEN or LENS_TOKEN_FILE; None without one. Raise UsageError."""
    if options.token is not None:
        return _checked(options.token, "--token")
    if environ.get("LENS_TOKEN"):
        return _checked(environ["LENS_TOKEN"], "LENS_TOKEN")
    path = environ.get("LENS_TOKEN_FILE")
    return token_of_file(path, "LENS_TOKEN_FILE") if path else None


def token_of_file(path: str, source: str) -> str:
    """Return a file's token. Raise UsageError."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_TOKEN_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{source}: {path} can't be read: {error.strerror}") from None
    return _checked(content.decode("latin-1"), f"{source}: {path}")


def _checked(token: str, source: str) -> str:
    token = token.strip()
    if not token or len(token) > MAX_TOKEN_BYTES or not all("!" <= character <= "~" for character in token):
        raise UsageError(f"{source} has no token: one word of ASCII characters")
    return token


class Direct:
    """A Lens at its own address."""

    namespace: str | None = None

    def __init__(self, url: str, options: Options, environ: Mapping[str, str]) -> None:
        """Raise UsageError for an address or a file that can't be used."""
        source = "--server" if options.server else "LENS_URL"
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
        self._http = HttpClient(endpoint.authority, connect, [("User-Agent", USER_AGENT)])
        self._lens = Lens(
            self._http,
            f"Lens at {endpoint.url}",
            Bearer(given_token(options, environ)),
            options.request_timeout,
            options.cluster or environ.get("LENS_CLUSTER"),
            endpoint.path,
        )

    def lens(self) -> Lens:
        """Return the Lens; its first request connects."""
        return self._lens

    def close(self) -> None:
        """Close the connection."""
        self._http.close()
