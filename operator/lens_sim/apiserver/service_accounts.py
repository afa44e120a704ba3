"""TokenRequests of ServiceAccounts (kubernetes, pkg/registry/core/serviceaccount/storage)."""

import secrets

import msgspec

from lens_sim.apiserver import status
from lens_sim.apiserver.reviews import Account, Accounts
from lens_sim.objects.resources import Object, Resource

SERVICE_ACCOUNTS = Resource("serviceaccounts", "ServiceAccount", True, ("sa",), {})
TOKENS = Resource("serviceaccounts/token", "TokenRequest", True, (), {})
"""The resource of which a user needs `create`."""


class ServiceAccounts:
    """The ServiceAccounts that there are, as `namespace/name`; their tokens are accounts for reviews."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def request(self, accounts: Accounts, namespace: str, name: str, body: bytes) -> Object:
        """Make a token; StatusError 404 without the ServiceAccount."""
        document = msgspec.json.decode(body, type=dict)
        if f"{namespace}/{name}" not in self.names:
            raise status.not_found(SERVICE_ACCOUNTS, name)
        token = secrets.token_urlsafe(24)
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        accounts.by_token[token] = Account(f"system:serviceaccount:{namespace}:{name}", groups=groups)
        return {**document, "status": {"token": token, "expirationTimestamp": "2099-01-01T00:00:00Z"}}
