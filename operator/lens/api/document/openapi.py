"""``/openapi.json``: the OpenAPI 3.1 document, made from the table of routes and the types that are sent.

Source: https://spec.openapis.org/oas/v3.1.1.html; its schemas are those of JSON Schema 2020-12, as pydantic
writes them.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from pydantic import TypeAdapter

from lens import __version__
from lens.api.access.auth import Caller
from lens.api.document.examples import EXAMPLES
from lens.api.envelope import CONTENT_TYPE
from lens.api.lists.pages import CSV
from lens.api.parameters import ClusterParameters, ListParameters, Parameters
from lens.api.routes import Route
from lens.api.schemas import Envelope

Document = dict[str, Any]

PATH = "/openapi.json"

_PREFIX = re.compile(r"^/api/v1/(realtime/)?")
_ENVELOPE = re.compile(r"Envelope_(\w+)_")

_TEXT = {"type": "string"}
_HEADERS: Mapping[str, Document] = {
    "X-Request-Id": {
        "description": "The request's own id where it had a sane one, else a new one.",
        "required": True,
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": "How many requests are left, and the seconds until there is one more: "
        "draft-ietf-httpapi-ratelimit-headers-11.",
        "schema": _TEXT,
        "example": '"caller";r=997;t=1',
    },
    "RateLimit-Policy": {
        "description": "How many requests may come at once, and the seconds until all of them may again.",
        "schema": _TEXT,
        "example": '"caller";q=1000;w=120',
    },
    "ETag": {"description": "For If-None-Match.", "required": True, "schema": _TEXT},
    "Age": {
        "description": "For how many seconds the answer has been kept.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "Link": {"description": "The next page of a CSV, as rel=next.", "schema": _TEXT},
    "Retry-After": {
        "description": "In so many seconds.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {"description": "Bearer (RFC 6750).", "required": True, "schema": _TEXT},
}
_OF_ERRORS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


class _Error(NamedTuple):
    code: int
    when: str
    example: str


ERRORS: Mapping[int, _Error] = {
    400: _Error(
        4000, "A parameter is missing, unknown, repeated or wrong.", "Invalid parameter: cluster is required"
    ),
    401: _Error(4001, "No token, or a wrong one.", "Unauthorized"),
    403: _Error(
        4003,
        "The token's owner may not ask for this.",
        "Forbidden: get realtime.lens is required in the whole cluster",
    ),
    404: _Error(4004, "There is no such cluster, node or route.", "Cluster not found"),
    405: _Error(4005, "The method is neither GET nor HEAD.", "Method not allowed"),
    413: _Error(4013, "The request's body is too large.", "Body too large: the limit is 65536 bytes"),
    429: _Error(4029, "Asked too often; Retry-After says when to come again.", "Too many requests"),
    431: _Error(4000, "A header field is too long.", "Invalid request: a header field is over 16380 bytes"),
    500: _Error(5000, "A defect; the log has the request's id.", "Internal error"),
    502: _Error(
        5002, "Another cluster's Lens can't be asked, or makes no sense.", "Cluster lab can't be asked"
    ),
    503: _Error(5003, "It can't be told now; Retry-After says when to come again.", "Not synced yet"),
    504: _Error(
        5004, "Another cluster's Lens does not answer in time.", "Cluster lab did not answer in time"
    ),
}


class OpenApi:
    """The document of a table of routes, made when it is first asked for."""

    def __init__(self, routes: Iterable[Route[Any]]) -> None:
        """Take the routes, among which may be that of this document itself."""
        self._routes = routes
        self._body: bytes | None = None
        self._making = asyncio.Lock()

    async def handler(self, _request: web.BaseRequest, _asked: Parameters, _caller: Caller) -> web.Response:
        """Answer with the document."""
        async with self._making:
            if self._body is None:
                # It takes 100 ms.
                self._body = await asyncio.to_thread(lambda: msgspec.json.encode(document(self._routes)))
        return web.Response(
            body=self._body,
            headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "public, max-age=300"},
        )


def document(routes: Iterable[Route[Any]]) -> Document:
    """Return the document that describes ``routes``."""
    table = tuple(routes)
    kinds = list(dict.fromkeys([None, *(route.data for route in table if route.data is not None)]))
    found, shared = TypeAdapter.json_schemas(
        [(str(at), "serialization", TypeAdapter(Envelope[kind])) for at, kind in enumerate(kinds)],  # type: ignore[valid-type]
        ref_template="#/components/schemas/{model}",
    )
    answers = {kind: _renamed(found[str(at), "serialization"]) for at, kind in enumerate(kinds)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lens",
            "version": __version__,
            "summary": "What a Kubernetes cluster's GPUs are doing, in real time.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {route.path: {"get": _operation(route, answers)} for route in table},
        "components": {
            # Generators name their classes after the titles, which pydantic repeats.
            "schemas": {name: {**each, "title": name} for name, each in _renamed(shared["$defs"]).items()},
            "responses": {str(status): _refusal(status, answers[None]) for status in ERRORS},
            "headers": dict(_HEADERS),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _renamed(schema: Any) -> Any:
    """Call the envelope of Status StatusAnswer, and that of nothing, which an error has, Refusal."""

    def name(match: re.Match[str]) -> str:
        return "Refusal" if match[1] == "NoneType" else f"{match[1]}Answer"

    if isinstance(schema, dict):
        return {
            _ENVELOPE.sub(name, key): _ENVELOPE.sub(name, value) if key == "$ref" else _renamed(value)
            for key, value in schema.items()
        }
    return [_renamed(each) for each in schema] if isinstance(schema, list) else schema


def _operation(route: Route[Any], answers: Mapping[type | None, Document]) -> Document:
    responses: Document = {"200": _good(route, answers)}
    if route.cached:
        responses["304"] = {
            "description": "What If-None-Match names is still good.",
            "headers": _headers("X-Request-Id", "ETag", "Age"),
        }
    for status in ERRORS:
        if status not in _impossible(route):
            responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    return {
        "operationId": re.sub(r"\W+", "_", _PREFIX.sub("", route.path)).strip("_"),
        "summary": route.summary,
        "parameters": list(_parameters(route.parameters)),
        "responses": responses,
        "security": [{}] if route.open else [{"token": []}],
    }


def _good(route: Route[Any], answers: Mapping[type | None, Document]) -> Document:
    content: Document = {"schema": _TEXT}
    if route.data is not None:
        meta = {"code": 2000, "message": "OK"}
        content = {"schema": answers[route.data], "example": {"meta": meta, "data": EXAMPLES[route.data]}}
    contents = {route.media_type: content}
    headers = ["X-Request-Id"]
    if route.limited:
        headers += ["RateLimit", "RateLimit-Policy"]
    if route.cached:
        headers += ["ETag", "Age"]
    if issubclass(route.parameters, ListParameters):
        contents[CSV] = {"schema": _TEXT}
        headers.append("Link")
    return {"description": route.summary, "headers": _headers(*headers), "content": contents}


def _headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _impossible(route: Route[Any]) -> set[int]:
    """Return the errors that an endpoint never gives."""
    never: set[int] = set()
    if route.open:
        never |= {401, 403}
    if not route.limited:
        never |= {429}
    if not issubclass(route.parameters, ClusterParameters):
        # Only of a cluster that is named there may be none, or one that can't be asked.
        never |= {404, 502, 504}
    return never


def _parameters(model: type[Parameters]) -> Iterator[Document]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, field in schema.get("properties", {}).items():
        required = name in schema.get("required", ())
        parameter: Document = {
            "name": name,
            "in": "path" if name in model.in_path else "query",
            "description": field.pop("description", ""),
            "required": required,
            "schema": _without_null(field),
        }
        if field.get("type") == "array":
            parameter |= {"style": "form", "explode": True}
        yield parameter


def _without_null(field: Document) -> Document:
    """Return a parameter's schema: what isn't given isn't null, it is left out."""
    field.pop("title", None)
    # Saying something twice does no harm.
    field.pop("uniqueItems", None)
    if field.get("default", "") is None:
        del field["default"]
    kinds = [kind for kind in field.pop("anyOf", ()) if kind != {"type": "null"}]
    return {**field, **kinds[0]} if len(kinds) == 1 else {**field, **({"anyOf": kinds} if kinds else {})}


def _refusal(status: int, schema: Document) -> Document:
    error = ERRORS[status]
    example = {"meta": {"code": error.code, "message": error.example}, "data": None}
    return {
        "description": error.when,
        "headers": _headers("X-Request-Id", *_OF_ERRORS.get(status, ())),
        "content": {CONTENT_TYPE: {"schema": schema, "example": example}},
    }
