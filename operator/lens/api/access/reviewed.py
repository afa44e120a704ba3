"""Mode ``kubernetes``: callers whom the apiserver knows, with the rights that its RBAC gives them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol

from lens.api.access.auth import Caller, Token
from lens.api.access.turns import NoTurnError, Turns
from lens.api.access.verdicts import Verdicts
from lens.api.errors import ApiError, forbidden, unauthorized, unavailable
from lens.metrics import Metrics
from lens.model.k8s.access import Permission, ReviewFailedError, User

_TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750, 2.1: b64token
_MAX_TOKEN_BYTES = 8192


class Reviews(Protocol):
    """Who can tell whose a token is, and what its owner may. Each method raises ReviewFailedError."""

    async def user(self, token: str) -> User | None:
        """Return whose token it is, None for nobody's."""
        ...

    async def allows(self, user: User, permission: Permission) -> bool:
        """Tell whether a user has a permission."""
        ...


@dataclass(frozen=True, slots=True)
class ReviewedUser(Caller):
    """A caller whom the apiserver knows."""

    user: User
    digest: bytes
    reviewed: "ReviewedTokens"

    async def require(self, path: str, namespace: str | None) -> None:
        """Ask for ``get realtime.lens``; who may list a namespace's pods may ask for its tasks too."""
        permission = Permission("get", "realtime", "lens", namespace)
        if await self.reviewed.allows(self, permission):
            return
        if namespace is None:
            raise forbidden(f"{permission} is required in the whole cluster")
        pods = Permission("list", "pods", namespace=namespace)
        if not await self.reviewed.allows(self, pods):
            raise forbidden(f"{permission} or {pods} is required in namespace {namespace}")


class ReviewedTokens:
    """Know callers by TokenReview, and their rights by SubjectAccessReview, each asked once in a while."""

    def __init__(
        self, reviews: Reviews, clock: Callable[[], float], stale_seconds: float, metrics: Metrics
    ) -> None:
        """Take whom to ask, and for how many seconds a yes stands on while nobody answers."""
        self._reviews = reviews
        tokens, rights = (
            partial(metrics.reviews.labels, kind) for kind in ("TokenReview", "SubjectAccessReview")
        )
        self._turns = Turns(refused=tokens("refused").inc)
        self._callers: Verdicts[bytes, ReviewedUser | None] = Verdicts(
            clock,
            # Who waits has a turn to wait for; a second bound would leave nobody's turn to anybody else.
            most_asking=inf,
            stale_seconds=stale_seconds,
            stood=tokens("stood").inc,
            dropped=tokens("dropped").inc,
            refused=tokens("refused").inc,
        )
        self._allowed: Verdicts[tuple[bytes, Permission], bool] = Verdicts(
            clock,
            stale_seconds=stale_seconds,
            stood=rights("stood").inc,
            dropped=rights("dropped").inc,
            refused=rights("refused").inc,
        )

    async def identify(self, token: Token | None, source: str | None) -> Caller:
        """Return whose token it is. Raise an ApiError: 401 for nobody's, 503 where that isn't known.

        Those that aren't known to be good have their turns, one ``source`` after the other.
        """
        if token is None or len(token.text) > _MAX_TOKEN_BYTES or not _TOKEN.fullmatch(token.text):
            raise unauthorized()
        text, digest = token.text.decode("ascii"), token.digest

        async def ask() -> ReviewedUser | None:
            if self._callers.knows(digest):
                user = await self._reviews.user(text)
            else:
                async with self._turns.turn(source):
                    user = await self._reviews.user(text)
            return None if user is None else ReviewedUser(user.name, user, digest, self)

        try:
            caller = await self._callers.of(digest, ask, owner=lambda caller: caller.name if caller else "")
        except (ReviewFailedError, NoTurnError):
            raise _unknown() from None
        if caller is None:
            raise unauthorized()
        return caller

    async def allows(self, caller: ReviewedUser, permission: Permission) -> bool:
        """Tell whether a caller has a permission. Raise an ApiError, 503, where that isn't known."""
        try:
            return await self._allowed.of(
                (caller.digest, permission),
                lambda: self._reviews.allows(caller.user, permission),
                caller.name,
            )
        except ReviewFailedError:
            raise _unknown() from None


def _unknown() -> ApiError:
    return unavailable("Access can't be reviewed now")
