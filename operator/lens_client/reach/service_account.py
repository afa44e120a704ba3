"""A ServiceAccount's token (TokenRequest, authentication.k8s.io/v1), for who has none that Lens can check."""

from lens_client.exits import CommandError, UsageError
from lens_client.reach.apiserver import ApiServer, KubernetesError
from lens_client.transport.endpoint import path

DEFAULT = "lens-reader"
"""The ServiceAccount that the README creates beside Lens."""

LIFE_SECONDS = 3600
"""The shortest that an apiserver has to accept is 10 minutes. Who watches longer gets another token."""

_PREFIX = "system:serviceaccount:"


def parse(text: str, source: str, namespace: str | None) -> tuple[str | None, str]:
    """Return namespace and name of NAMESPACE/NAME, or of NAME in ``namespace``. Raise UsageError."""
    first, slash, second = text.removeprefix(_PREFIX).replace(":", "/").partition("/")
    found = (first, second) if slash else (namespace, first)
    if not found[1] or found[0] == "" or "/" in found[1]:
        raise UsageError(f"{source}: {text!a} is no ServiceAccount, NAME or NAMESPACE/NAME")
    return found


def impersonated(user: str) -> str:
    """Return the ServiceAccount that --as names. Raise UsageError for another kind of user."""
    if not user.startswith(_PREFIX) or user.count(":") != 3:
        raise UsageError(
            f"--as: {user!a} is no system:serviceaccount:NAMESPACE:NAME: Lens checks tokens, and only a "
            "ServiceAccount's can be requested for somebody else"
        )
    return user


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
