"""Whose a token is and what its owner may, asked of the apiserver.

TokenReview (authentication.k8s.io/v1) and SubjectAccessReview (authorization.k8s.io/v1), as described at
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#token-review and
https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import aiohttp
import msgspec
from yarl import URL

from lens import __version__
from lens.config import SettingsError
from lens.metrics import Metrics
from lens.model.access import Permission, ReviewFailedError, User

if TYPE_CHECKING:
    from lens.kube.connection import Connection

_TIMEOUT_SECONDS = 3.0
_MAX_BODY_BYTES = 256 * 1024
_CONNECTIONS = 16
_DONE = (HTTPStatus.OK, HTTPStatus.CREATED)

_log = logging.getLogger("lens.kube.reviews")


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
    """Asks for reviews with Lens' own credentials. To be used in one loop, and closed in it."""

    def __init__(
        self,
        connection: "Callable[[], Connection]",
        audiences: Sequence[str],
        metrics: Metrics,
        timeout: float = _TIMEOUT_SECONDS,
    ) -> None:
        """Take how to make the connection, which is called in a thread when it's first needed.

        Of ``audiences`` a token has to be made out to one; where there are none, to the apiserver.
        ``timeout`` is in seconds, for a review as a whole.
        """
        self._make_connection = connection
        self._audiences = frozenset(audiences)
        self._metrics = metrics
        self._timeout = timeout
        self._opening = asyncio.Lock()
        self._connection: Connection | None = None
        self._session: aiohttp.ClientSession | None = None

    async def user(self, token: str) -> User | None:
        """Return whose token it is, None for nobody's. Raise ReviewFailedError."""
        spec: dict[str, Any] = {"token": token}
        if self._audiences:
            spec["audiences"] = sorted(self._audiences)
        review = await self._review("authentication.k8s.io/v1", "TokenReview", spec, _token_review)
        found = review.status.user
        # An apiserver that knows nothing of audiences names none: then the token is for itself.
        accepted = not self._audiences or not self._audiences.isdisjoint(review.status.audiences or ())
        if not (review.status.authenticated and accepted and found.username):
            return None
        return User(found.username, found.uid, found.groups or (), tuple((found.extra or {}).items()))

    async def allows(self, user: User, permission: Permission) -> bool:
        """Tell whether a user has a permission. Raise ReviewFailedError."""
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
        if self._session is not None:
            await self._session.close()

    async def _review(
        self, api_version: str, kind: str, spec: Mapping[str, Any], decoder: msgspec.json.Decoder[R]
    ) -> R:
        body = msgspec.json.encode({"apiVersion": api_version, "kind": kind, "spec": spec})
        try:
            async with asyncio.timeout(self._timeout):
                status, answer = await self._post(f"/apis/{api_version}/{kind.lower()}s", body)
            if status in _DONE:
                review = decoder.decode(answer)
                self._metrics.reviews.labels(kind, "answered").inc()
                return review
            problem = f"HTTP {status}"
        except TimeoutError:
            problem = f"no answer within {self._timeout:g} s"
        except SettingsError as error:
            problem = str(error)
        except msgspec.MsgspecError:
            problem = f"the answer is no {kind}"
        # aiohttp lets a ValueError out for some headers that can't be read.
        except (aiohttp.ClientError, OSError, ValueError) as error:
            problem = type(error).__name__
        self._metrics.reviews.labels(kind, "failed").inc()
        _log.warning("a review failed", extra={"review": kind, "error": problem})
        raise ReviewFailedError(problem)

    async def _post(self, path: str, body: bytes) -> tuple[int, bytes]:
        connection, session = await self._opened()
        with contextlib.suppress(aiohttp.ClientSSLError):
            answer = await self._answer(connection, session, path, body)
            # A 401 is for Lens' own token, not for the one under review.
            if answer[0] != HTTPStatus.UNAUTHORIZED:
                return answer
        # Token or CA may have been rotated.
        await asyncio.to_thread(connection.load)
        return await self._answer(connection, session, path, body)

    async def _answer(
        self, connection: "Connection", session: aiohttp.ClientSession, path: str, body: bytes
    ) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        authorization = await asyncio.to_thread(connection.authorization)
        if authorization is not None:
            headers["Authorization"] = authorization
        async with session.post(
            URL(connection.server + path, encoded=True),
            data=body,
            headers=headers,
            proxy=connection.proxy,
            server_hostname=connection.server_name,
            # A token that follows a redirect is a token given away.
            allow_redirects=False,
        ) as response:
            answer = bytearray()
            async for chunk in response.content.iter_any():
                answer += chunk
                if len(answer) > _MAX_BODY_BYTES:
                    raise aiohttp.ClientPayloadError("the answer is too large")
            return response.status, bytes(answer)

    async def _opened(self) -> tuple["Connection", aiohttp.ClientSession]:
        async with self._opening:
            if self._connection is None:
                self._connection = await asyncio.to_thread(self._open)
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=self._connection.tls()),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None),
                    auto_decompress=False,
                    headers={
                        "Accept": "application/json",
                        "Accept-Encoding": "identity",
                        "User-Agent": f"lens/{__version__}",
                    },
                )
            return self._connection, self._session

    def _open(self) -> "Connection":
        connection = self._make_connection()
        connection.load()
        return connection
