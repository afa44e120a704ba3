"""A ServiceAccount's token (TokenRequest, authentication.k8s.io/v1), for users without a token."""

from typing import NamedTuple

from lens_client.exits import CommandError, UsageError
from lens_client.reach.apiserver import ApiServer, KubernetesError
from lens_client.transport.endpoint import path

LIFE_SECONDS = 3600
"""The shortest that an apiserver has to accept is 10 minutes. A longer watch requests another one."""

_PREFIX = "system:serviceaccount:"


class ServiceAccount(NamedTuple):
    """A ServiceAccount; without a namespace it is in that of Lens."""

    namespace: str | None
    name: str


DEFAULT = ServiceAccount(None, "lens-reader")
"""The ServiceAccount that the README creates beside Lens."""


def parse(text: str, source: str) -> ServiceAccount:
    """Return the ServiceAccount of NAME or NAMESPACE/NAME. Raise UsageError."""
    namespace, slash, name = text.rpartition("/")
    if not name or (slash and not namespace) or "/" in namespace:
        raise UsageError(f"{source}: {text!a} is no ServiceAccount, NAME or NAMESPACE/NAME")
    return ServiceAccount(namespace or None, name)


def impersonated(user: str) -> ServiceAccount:
    """Return the ServiceAccount that --as names. Raise UsageError for another kind of user."""
    namespace, _, name = user.removeprefix(_PREFIX).partition(":")
    if not user.startswith(_PREFIX) or not namespace or not name or ":" in name or "/" in user:
        raise UsageError(
            f"--as: {user!a} is no system:serviceaccount:NAMESPACE:NAME: Lens checks tokens, and only a "
            "ServiceAccount's can be requested for somebody else"
        )
    return ServiceAccount(namespace, name)


def request(apiserver: ApiServer, namespace: str, name: str, why: str) -> str:
    """Return a new token of a ServiceAccount. Raise CommandError, which says ``why`` one is needed."""
    target = path("api", "v1", "namespaces", namespace, "serviceaccounts", name, "token")
    document = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": LIFE_SECONDS},
    }
    right = f"create serviceaccounts/token of {name} in namespace {namespace}"
    try:
        answer = apiserver.create(target, document, right)
    except KubernetesError as error:
        if error.code == 404:
            raise CommandError(
                f"{why}, and there is no ServiceAccount {namespace}/{name}: create it with the ClusterRole "
                "lens-viewer (README), or name another with --service-account"
            ) from None
        if error.code == 403:
            raise CommandError(f"{why}, and {error}: give a token with --token, or LENS_TOKEN") from None
        raise
    token = (answer.get("status") or {}).get("token")
    if not isinstance(token, str) or not token:
        raise CommandError(f"{apiserver.endpoint.url} is no apiserver: its TokenRequest has no token")
    return token
