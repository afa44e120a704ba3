"""Mode ``kubernetes``: TokenReview authenticates callers, and the apiserver's RBAC authorizes them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol

from lens.api.access.auth import B64TOKEN, BearerToken, Caller
from lens.api.access.fair_queue import FairQueue, QueueTimeoutError
from lens.api.access.review_cache import ReviewCache
from lens.api.errors import ApiError, forbidden, invalid_token, no_token, unavailable
from lens.metrics import Metrics
from lens.model.k8s.access import Permission, ReviewFailedError, User

_MAX_TOKEN_BYTES = 8192
_SERVICE_ACCOUNT = "system:serviceaccount:"
"""The namespace and the name follow; neither has a colon."""


class Reviews(Protocol):
    """Sends access reviews to the apiserver. Each method raises ReviewFailedError."""

    async def user(self, token: str) -> User | None:
        """Return the token's user, or None for an invalid token."""
        ...

    async def allows(self, user: User, permission: Permission) -> bool:
        """Return whether a user has a permission."""
        ...


@dataclass(frozen=True, slots=True)
class KubernetesUser(Caller):
    """A caller that the apiserver has authenticated."""

    user: User
    digest: bytes
    authenticator: "KubernetesAuthenticator"

    @property
    def tenant(self) -> str:
        """Return the namespace of a service account: a user who may create one may create any number."""
        return self.name.rpartition(":")[0] if self.name.startswith(_SERVICE_ACCOUNT) else self.name

    async def authorize(self, path: str, namespace: str | None) -> None:
        """Require ``get realtime.lens``; in a namespace, ``list pods`` is enough too."""
        permission = Permission("get", "realtime", "lens", namespace)
        if await self.authenticator.allows(self, permission):
            return
        if namespace is None:
            raise forbidden(f"{permission} is required in the whole cluster")
        pods = Permission("list", "pods", namespace=namespace)
        if not await self.authenticator.allows(self, pods):
            raise forbidden(f"{permission} or {pods} is required in namespace {namespace}")

    async def authorize_capacity(self, path: str, namespace: str | None) -> None:
        """Require ``get capacity.lens``, in the whole cluster or in the namespace.

        It is reviewed after ``get realtime.lens`` was refused, which would do too.
        """
        permission = Permission("get", "capacity", "lens", namespace)
        if await self.authenticator.allows(self, permission):
            return
        everything = Permission("get", "realtime", "lens")
        where = "" if namespace is None else f", or {permission} in namespace {namespace}"
        raise forbidden(f"{everything} or {permission} is required in the whole cluster{where}")


class KubernetesAuthenticator:
    """Authenticate by TokenReview and authorize by SubjectAccessReview, and cache the results."""

    def __init__(
        self, reviews: Reviews, clock: Callable[[], float], stale_seconds: float, metrics: Metrics
    ) -> None:
        """Take the reviewer; while reviews fail, a positive result is good for ``stale_seconds``."""
        self._reviews = reviews
        token_reviews, access_reviews = (
            partial(metrics.reviews.labels, kind) for kind in ("TokenReview", "SubjectAccessReview")
        )
        self._queue = FairQueue(refused=token_reviews("refused").inc)
        self._users: ReviewCache[bytes, KubernetesUser | None] = ReviewCache(
            clock,
            # The queue bounds pending reviews; a second bound would let waiters take others' slots.
            max_pending=inf,
            stale_seconds=stale_seconds,
            served_stale=token_reviews("stood").inc,
            evicted=token_reviews("dropped").inc,
            refused=token_reviews("refused").inc,
        )
        self._permissions: ReviewCache[tuple[bytes, Permission], bool] = ReviewCache(
            clock,
            stale_seconds=stale_seconds,
            served_stale=access_reviews("stood").inc,
            evicted=access_reviews("dropped").inc,
            refused=access_reviews("refused").inc,
        )

    async def authenticate(self, token: BearerToken | None, source: str | None) -> Caller:
        """Return the token's user. Raise an ApiError: 401 for an invalid token, 503 if reviews fail.

        Tokens that aren't known to be valid wait in a queue that takes one ``source`` after the other.
        """
        if token is None:
            raise no_token()
        if len(token.text) > _MAX_TOKEN_BYTES:
            raise invalid_token(f"The token is longer than {_MAX_TOKEN_BYTES} bytes")
        if not B64TOKEN.fullmatch(token.text):
            raise invalid_token("The token has characters that no bearer token has")
        text, digest = token.text.decode("ascii"), token.digest

        async def review() -> KubernetesUser | None:
            if self._users.has_positive(digest):
                user = await self._reviews.user(text)
            else:
                async with self._queue.slot(source):
                    user = await self._reviews.user(text)
            return None if user is None else KubernetesUser(user.name, user, digest, self)

        try:
            caller = await self._users.get(
                digest, review, owner=lambda caller: caller.tenant if caller else ""
            )
        except (ReviewFailedError, QueueTimeoutError):
            raise _review_failed() from None
        if caller is None:
            raise invalid_token(
                "The apiserver rejects the token: it is unknown, has expired, or is for another audience"
            )
        return caller

    async def allows(self, caller: KubernetesUser, permission: Permission) -> bool:
        """Return whether a caller has a permission. Raise an ApiError, 503, if reviews fail."""
        try:
            return await self._permissions.get(
                (caller.digest, permission),
                lambda: self._reviews.allows(caller.user, permission),
                caller.tenant,
            )
        except ReviewFailedError:
            raise _review_failed() from None


def _review_failed() -> ApiError:
    return unavailable("Access can't be reviewed now")
