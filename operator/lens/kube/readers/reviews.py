"""Sends access reviews to the apiserver: the user of a token, and the user's permissions.

TokenReview (authentication.k8s.io/v1) and SubjectAccessReview (authorization.k8s.io/v1), as described at
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#token-review and
https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from lens.config.errors import SettingsError
from lens.http_client import RequestFailedError
from lens.kube.client.api_client import ApiClient
from lens.metrics import Metrics
from lens.model.k8s.access import Permission, ReviewFailedError, User

if TYPE_CHECKING:
    from lens.kube.client.kubeconfig import Connection

_TIMEOUT_SECONDS = 3.0
_MAX_BODY_BYTES = 256 * 1024
_CONNECTIONS = 16
_JSON = {"Accept": "application/json", "Content-Type": "application/json"}
_DONE = (HTTPStatus.OK, HTTPStatus.CREATED)

_log = logging.getLogger(__name__)


class _UserInfo(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] | None = None
    extra: dict[str, tuple[str, ...]] | None = None


class _TokenStatus(msgspec.Struct):
    authenticated: bool = False
    user: _UserInfo = msgspec.field(default_factory=_UserInfo)
    audiences: tuple[str, ...] | None = None


class _TokenReview(msgspec.Struct):
    kind: Literal["TokenReview"]
    status: _TokenStatus


class _AccessStatus(msgspec.Struct):
    allowed: bool
    denied: bool = False


class _AccessReview(msgspec.Struct):
    kind: Literal["SubjectAccessReview"]
    status: _AccessStatus


R = TypeVar("R", _TokenReview, _AccessReview)

_token_review = msgspec.json.Decoder(_TokenReview)
_access_review = msgspec.json.Decoder(_AccessReview)


class Reviewer:
    """Send reviews with Lens' own credentials. For use in one event loop, in which it is closed."""

    def __init__(
        self,
        connection: "Callable[[], Connection]",
        audiences: Sequence[str],
        metrics: Metrics,
        timeout: float = _TIMEOUT_SECONDS,
    ) -> None:
        """``connection`` makes the connection, and is called in a thread by the first review.

        A token must be for one of the ``audiences``; without any, for the apiserver. ``timeout`` is for a
        whole review, in seconds.
        """
        self._client = ApiClient(connection, timeout, _MAX_BODY_BYTES, _CONNECTIONS)
        self._audiences = frozenset(audiences)
        self._metrics = metrics

    async def user(self, token: str) -> User | None:
        """Return the token's user, or None for an invalid token. Raise ReviewFailedError."""
        spec: dict[str, Any] = {"token": token}
        if self._audiences:
            spec["audiences"] = sorted(self._audiences)
        review = await self._review("authentication.k8s.io/v1", "TokenReview", spec, _token_review)
        found = review.status.user
        # An apiserver without support for audiences names none: then the token is for the apiserver.
        accepted = not self._audiences or not self._audiences.isdisjoint(review.status.audiences or ())
        if not (review.status.authenticated and accepted and found.username):
            return None
        return User(found.username, found.uid, found.groups or (), tuple((found.extra or {}).items()))

    async def allows(self, user: User, permission: Permission) -> bool:
        """Return whether a user has a permission. Raise ReviewFailedError."""
        attributes = {"verb": permission.verb, "group": permission.group, "resource": permission.resource}
        if permission.namespace is not None:
            attributes["namespace"] = permission.namespace
        spec = {
            "user": user.name,
            "uid": user.uid,
            "groups": user.groups,
            "extra": dict(user.extra),
            "resourceAttributes": attributes,
        }
        review = await self._review("authorization.k8s.io/v1", "SubjectAccessReview", spec, _access_review)
        return review.status.allowed and not review.status.denied

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _review(
        self, api_version: str, kind: str, spec: Mapping[str, Any], decoder: msgspec.json.Decoder[R]
    ) -> R:
        body = msgspec.json.encode({"apiVersion": api_version, "kind": kind, "spec": spec})
        try:
            # A 401 is for Lens' own token, not for the one under review.
            status, answer = await self._client.request(
                "POST", f"/apis/{api_version}/{kind.lower()}s", _JSON, body
            )
            if status not in _DONE:
                problem = f"HTTP {status}"
            elif answer is None:
                problem = "the answer is too large"
            else:
                review = decoder.decode(answer)
                self._metrics.reviews.labels(kind, "answered").inc()
                return review
        except (SettingsError, RequestFailedError) as error:
            problem = str(error)
        # A DecodeError is a ValueError, as is text that isn't UTF-8.
        except (ValueError, RecursionError):
            problem = f"the answer is no {kind}"
        self._metrics.reviews.labels(kind, "failed").inc()
        _log.warning("a review failed", extra={"review": kind, "error": problem})
        raise ReviewFailedError(problem)
