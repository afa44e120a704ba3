"""A client for one Lens: requests with a token, whose answers have the API's types and their age."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from lens_client.api import schema
from lens_client.api.events import Events
from lens_client.api.parameters import in_options
from lens_client.api.validation import SchemaError, check
from lens_client.exits import USAGE, CommandError
from lens_client.transport.failures import describe
from lens_client.transport.http import HttpClient, Response, Stream

T = TypeVar("T")
R = TypeVar("R", bound=Response | Stream)

Query = Mapping[str, str | int | Iterable[str] | None]
"""Parameters: those that are None are left out, and words are joined with commas."""

STREAM_IDLE_SECONDS = 30.0
"""A stream has a heartbeat every 10 s."""


class Answer(NamedTuple, Generic[T]):
    """A response's ``data``, and the seconds since its figures were current; None if unknown."""

    data: T
    age_seconds: float | None


class ApiError(CommandError):
    """Lens refuses, or doesn't answer. ``http_status`` is None where there is no HTTP response."""

    def __init__(self, message: str, http_status: int | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status


class Bearer:
    """The token of requests; None: without one."""

    def __init__(self, token: str | None) -> None:
        self.token = token

    def renew(self) -> bool:
        """Get another token, since Lens doesn't accept this one any more. Return whether there is one."""
        return False


class Lens:
    """One Lens: ``where`` says which, in messages. Not for several threads at once.

    ``cluster`` is the name of the cluster that is asked about; by default the one that this Lens watches.
    """

    def __init__(
        self,
        http: HttpClient,
        where: str,
        bearer: Bearer,
        seconds: float,
        cluster: str | None = None,
        path: str = "",
        explain: Callable[[OSError], str] = describe,
    ) -> None:
        self.where, self._bearer, self._explain = where, bearer, explain
        self._http, self._seconds, self._cluster, self._path = http, seconds, cluster, path

    @property
    def cluster(self) -> str:
        """Return the cluster's name; the first use may be a request. Raise ApiError."""
        if self._cluster is None:
            self._cluster = self._own_cluster()
        return self._cluster

    def _own_cluster(self) -> str:
        """Return the name of the cluster that this Lens watches."""
        try:
            clusters = self.get("/api/v1/clusters", schema.Clusters, cluster=False).data["clusters"]
        except ApiError as error:
            if error.http_status != 403:
                raise
        else:
            for each in (*(row for row in clusters if row["local"]), *clusters):
                return each["name"]
            raise ApiError(f"{self.where} watches no cluster: name one with --cluster")
        try:
            # A user who may see a part of the cluster may know its name.
            return self.get("/api/v1/access", schema.Access, cluster=False).data["cluster"]
        except ApiError as error:
            raise ApiError(f"name the cluster with --cluster: {error}", error.http_status) from None

    def get(
        self,
        path: str,
        kind: type[T],
        query: Query | None = None,
        *,
        cluster: bool = True,
        fresh: bool = False,
    ) -> Answer[T]:
        """Return the answer to a GET of an encoded path; a ``fresh`` one is of now. Raise ApiError."""
        return self._answer("GET", self._target(path, query or {}, cluster), kind, fresh=fresh)

    def post(self, path: str, kind: type[T], body: bytes, query: Query | None = None) -> Answer[T]:
        """Return the answer to a POST of a manifest. Raise ApiError."""
        return self._answer("POST", self._target(path, query or {}, True), kind, body)

    def events(self, query: Query | None = None, last_event_id: str | None = None) -> Events:
        """Open the stream, or go on after an event of it. Raise ApiError."""
        target = self._target("/api/v1/realtime/stream", query or {}, True)

        def send() -> Response | Stream:
            headers = self._headers("text/event-stream")
            if last_event_id is not None:
                headers.append(("Last-Event-ID", last_event_id))
            return self._http.stream(target, self._seconds, STREAM_IDLE_SECONDS, headers)

        stream = self._sent(send)
        if isinstance(stream, Response):
            raise self._refusal(stream)
        if stream.headers.get_content_type() != "text/event-stream":
            stream.close()
            raise ApiError(f"{self.where}: the answer isn't one of Lens")
        return Events(stream, self._unreachable)

    def version(self) -> str:
        """Return the version of Lens. Raise ApiError."""
        try:
            response = self._http.request("GET", f"{self._path}/openapi.json", self._seconds)
            if response.status != 200:
                raise self._refusal(response)
            version = json.loads(response.body)["info"]["version"]
        except OSError as error:
            raise self._unreachable(error) from None
        except (ValueError, KeyError, TypeError, RecursionError):
            version = None
        if not isinstance(version, str) or not version.isprintable():
            raise ApiError(f"{self.where}: the answer isn't one of Lens")
        return version

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _target(self, path: str, query: Query, cluster: bool) -> str:
        words: dict[str, str] = {"cluster": self.cluster} if cluster else {}
        for name, value in query.items():
            if value is None:
                continue
            words[name] = str(value) if isinstance(value, (str, int)) else ",".join(value)
        return f"{self._path}{path}" + (f"?{urlencode(words)}" if words else "")

    def _headers(self, accept: str = "application/json") -> list[tuple[str, str]]:
        headers = [("Accept", accept)]
        if self._bearer.token is not None:
            headers.append(("Authorization", f"Bearer {self._bearer.token}"))
        return headers

    def _answer(
        self, method: str, target: str, kind: type[T], body: bytes | None = None, *, fresh: bool = False
    ) -> Answer[T]:
        def send() -> Response:
            headers = [*self._headers(), *([("Cache-Control", "no-cache")] if fresh else [])]
            return self._http.request(method, target, self._seconds, headers, body)

        response = self._sent(send)
        if response.status != 200:
            raise self._refusal(response)
        try:
            data = json.loads(response.body)["data"]
            check(kind, data)
        except SchemaError as error:
            what = f"the answer to {target.partition('?')[0]} isn't what this version reads"
            raise ApiError(f"{self.where}: {what}: {error}") from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ApiError(f"{self.where}: the answer isn't one of Lens") from None
        return Answer(data, _age(data, response))

    def _sent(self, send: Callable[[], R]) -> R:
        """Return what comes back; if the token is refused, once more with another one. Raise ApiError."""
        try:
            received = send()
            if isinstance(received, Response) and received.status == 401 and self._bearer.renew():
                received = send()
        except OSError as error:
            raise self._unreachable(error) from None
        return received

    def _unreachable(self, error: OSError) -> ApiError:
        return ApiError(f"{self.where} can't be reached: {self._explain(error)}")

    def _refusal(self, response: Response) -> ApiError:
        status = response.status
        try:
            meta = json.loads(response.body)["meta"]
            message = str(meta["message"])
            known = ", ".join(meta["clusters"]) if status == 404 and meta.get("clusters") else ""
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            message = known = ""
        if not message.isprintable() or not message:
            return ApiError(f"{self.where}: the answer isn't one of Lens (HTTP {status})", status)
        if status == 401:
            problem = "needs a token" if self._bearer.token is None else "doesn't accept the token"
            described = _bearer_problem(response)
            return ApiError(f"{self.where} {problem}{described}", status)
        refused = in_options(message) if status == 400 else None
        if refused is not None:
            error = ApiError(refused, status)
            error.status = USAGE
            return error
        if known.isprintable() and known:
            message = f"{message}: --cluster may be {known}"
        after = response.headers.get("Retry-After", "")
        again = f"; ask again in {after} s" if after.isdecimal() and len(after) < 10 else ""
        return ApiError(f"{self.where}: {message}{again}", status)


def section(answer: Mapping[str, Any], name: str, where: str) -> list[Any]:
    """Return the rows that ``include`` asks for. Raise ApiError for a Lens that has none."""
    rows: list[Any] | None = answer.get(name)
    if rows is None:
        raise ApiError(f"{where}: this Lens' answer has no {name}")
    return rows


def _bearer_problem(response: Response) -> str:
    """Return what WWW-Authenticate says is wrong with the token (RFC 6750, section 3)."""
    text = response.headers.get("WWW-Authenticate", "")
    _, found, rest = text.partition('error_description="')
    described = rest.partition('"')[0]
    return f": {described}" if found and described.isprintable() else ""


def _age(data: Any, response: Response) -> float | None:
    """Return the age that the answer has, else the time from its ``timestamp`` to the server's clock."""
    if not isinstance(data, dict):
        return None
    age = data.get("age_seconds", (data.get("freshness") or {}).get("age_seconds"))
    if isinstance(age, (int, float)):
        return float(age)
    try:
        then = datetime.fromisoformat(data["timestamp"])
        return max(0.0, (parsedate_to_datetime(response.headers["Date"]) - then).total_seconds())
    except (KeyError, TypeError, ValueError):
        return None
