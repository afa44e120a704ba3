"""Requests to the apiserver with the kubeconfig's credentials. A refusal names the right that is missing."""

import functools
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from lens_client.exits import CommandError
from lens_client.reach.identity import Identity
from lens_client.transport import dial
from lens_client.transport.endpoint import Endpoint
from lens_client.transport.failures import describe
from lens_client.transport.http import HttpClient, Response

_FORBIDDEN = re.compile(
    r'User "([^"]+)" cannot (\S+) resource "([^"]+)" in API group "[^"]*" '
    r'(?:in the namespace "([^"]+)"|at the cluster scope)'
)
"""The message of a 403 (apiserver, `responsewriters.Forbidden`)."""


class KubernetesError(CommandError):
    """The apiserver refuses. ``code`` is the HTTP status."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ApiServer:
    """One apiserver, asked as one identity."""

    def __init__(
        self,
        endpoint: Endpoint,
        identity: Identity,
        connect: "functools.partial[Any]",
        seconds: float,
        agent: str,
    ) -> None:
        self.endpoint, self.identity, self.seconds = endpoint, identity, seconds
        self.connect = connect
        """Open a connection; takes a deadline."""
        self.headers = [("User-Agent", agent), *identity.headers()]
        self.http = HttpClient(endpoint.authority, connect, self.headers)

    def get(self, path: str, query: Mapping[str, str], right: str) -> Any:
        """Return the object or list at a path; ``right`` is the verb and resource that it takes.

        Raise KubernetesError, or CommandError.
        """
        target = f"{self.endpoint.path}{path}?{urlencode(query)}" if query else f"{self.endpoint.path}{path}"
        return self._decoded(self._request("GET", target, None), right)

    def create(self, path: str, document: Mapping[str, Any], right: str) -> Any:
        """Return what the apiserver makes of a document. Raise KubernetesError."""
        body = json.dumps(document).encode()
        return self._decoded(self._request("POST", f"{self.endpoint.path}{path}", body), right)

    def close(self) -> None:
        """Close the connection."""
        self.http.close()

    def unreachable(self, error: OSError) -> CommandError:
        """Return what is said when there is no answer."""
        return CommandError(f"the apiserver {self.endpoint.url} can't be reached: {describe(error)}")

    def refusal(self, code: int, body: bytes, right: str) -> KubernetesError:
        """Return what is said of a response that isn't a success."""
        if code == 401:
            return KubernetesError(f"the apiserver doesn't accept {self.identity.described}", code)
        try:
            message = " ".join(str(json.loads(body)["message"]).split())
        except (ValueError, KeyError, TypeError, RecursionError):
            message = ""
        if code == 403:
            return KubernetesError(_lacking(message) or f"{self.identity.who} may not {right}", code)
        said = f": {message}" if message else ""
        return KubernetesError(f"the apiserver answers HTTP {code} to {right}{said}", code)

    def _request(self, method: str, target: str, body: bytes | None) -> Response:
        headers = [("Accept", "application/json")]
        if body is not None:
            headers.append(("Content-Type", "application/json"))
        try:
            return self.http.request(method, target, self.seconds, headers, body)
        except OSError as error:
            raise self.unreachable(error) from None

    def _decoded(self, response: Response, right: str) -> Any:
        if response.status not in (200, 201):
            raise self.refusal(response.status, response.body, right)
        try:
            decoded = json.loads(response.body)
        except (ValueError, RecursionError):
            decoded = None
        if not isinstance(decoded, dict):
            raise CommandError(f"{self.endpoint.url} is no apiserver: its answer is no JSON")
        return decoded


def _lacking(message: str) -> str | None:
    """Return who lacks which right, by the message of a 403; None if it says something else."""
    found = _FORBIDDEN.search(message)
    if found is None:
        return None
    user, verb, resource, namespace = found.groups()
    return (
        f"{user} may not {verb} {resource} in {f'namespace {namespace}' if namespace else 'all namespaces'}"
    )


def connect(
    endpoint: Endpoint, identity: Identity, proxy: str | None, seconds: float, agent: str
) -> ApiServer:
    """Return an apiserver; its first request connects."""
    cluster = identity.cluster
    dialing = functools.partial(
        dial.connect, endpoint, tls=identity.tls(endpoint), server_name=cluster.server_name, proxy=proxy
    )
    return ApiServer(endpoint, identity, dialing, seconds, agent)
