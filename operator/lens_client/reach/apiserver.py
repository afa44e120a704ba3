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

JSON = "application/json"

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
    """Requests to one apiserver as one user. Raise CommandError for credentials that can't be used."""

    def __init__(
        self, endpoint: Endpoint, identity: Identity, proxy: str | None, seconds: float, agent: str
    ) -> None:
        self.endpoint, self.identity, self.seconds = endpoint, identity, seconds
        self._proxy, self._agent = proxy, agent
        self._log_in()

    def _log_in(self) -> None:
        self.headers = [("User-Agent", self._agent), *self.identity.headers()]
        """The header fields of each request."""
        self.connect = functools.partial(
            dial.connect,
            self.endpoint,
            tls=self.identity.tls(self.endpoint),
            server_name=self.identity.cluster.server_name,
            proxy=self._proxy,
        )
        """Open a connection; takes a deadline."""
        self.http = HttpClient(self.endpoint.authority, self.connect, self.headers)

    def renew(self) -> bool:
        """Log in again, since the apiserver rejects it now. Return whether that is of use."""
        if not self.identity.renew():
            return False
        self.http.close()
        self._log_in()
        return True

    def get(self, path: str, query: Mapping[str, str], right: str, accept: str = JSON) -> Any:
        """Return the object or list at a path; ``right`` is the verb and resource that it takes.

        Raise KubernetesError, or CommandError.
        """
        target = f"{self.endpoint.path}{path}?{urlencode(query)}" if query else f"{self.endpoint.path}{path}"
        return self._decoded(self._request("GET", target, None, accept), right)

    def create(self, path: str, document: Mapping[str, Any], right: str) -> Any:
        """POST a document, and return the response. Raise KubernetesError."""
        body = json.dumps(document).encode()
        return self._decoded(self._request("POST", f"{self.endpoint.path}{path}", body), right)

    def close(self) -> None:
        """Close the connection."""
        self.http.close()

    def unreachable(self, error: OSError) -> CommandError:
        """Return the error of a request without a response."""
        return CommandError(f"the apiserver {self.endpoint.url} can't be reached: {describe(error)}")

    def refusal(self, code: int, body: bytes, right: str) -> KubernetesError:
        """Return the error of a response that isn't a success."""
        if code == 401:
            return KubernetesError(f"the apiserver doesn't accept {self.identity.described}", code)
        try:
            message = " ".join(str(json.loads(body)["message"]).split())
        except (ValueError, KeyError, TypeError, RecursionError):
            message = ""
        if code == 403:
            return KubernetesError(_lacking(message) or f"{self.identity.who} may not {right}", code)
        detail = f": {message}" if message else ""
        return KubernetesError(f"the apiserver answers HTTP {code} to {right}{detail}", code)

    def _request(self, method: str, target: str, body: bytes | None, accept: str = JSON) -> Response:
        headers = [("Accept", accept)]
        if body is not None:
            headers.append(("Content-Type", JSON))
        try:
            response = self.http.request(method, target, self.seconds, headers, body)
            if response.status == 401 and self.renew():
                response = self.http.request(method, target, self.seconds, headers, body)
        except OSError as error:
            raise self.unreachable(error) from None
        return response

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
    """Return the user and the permission that a 403's message names; None if it names none."""
    found = _FORBIDDEN.search(message)
    if found is None:
        return None
    user, verb, resource, namespace = found.groups()
    return (
        f"{user} may not {verb} {resource} in {f'namespace {namespace}' if namespace else 'all namespaces'}"
    )
