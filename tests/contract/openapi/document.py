"""The OpenAPI 3.1 document, made from the route table and the types of the responses.

Source: https://spec.openapis.org/oas/v3.1.1.html; pydantic generates its schemas, in JSON
Schema 2020-12.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from lens import __version__
from lens.api.envelope import CONTENT_TYPE
from lens.api.lists.listing import CSV
from lens.api.parameters.base import Parameters
from lens.api.parameters.cluster import ClusterParameters
from lens.api.parameters.lists import ListParameters
from lens.api.routes import Route
from lens.api.schemas.envelope import Envelope
from tests.contract.openapi.examples import EXAMPLES

Document = dict[str, Any]

_PREFIX = re.compile(r"^/api/v1/(realtime/)?")
_ENVELOPE = re.compile(r"Envelope_(\w+)_")

_TEXT = {"type": "string"}
_TOKEN = (
    "A token in the header Authorization, after the word Bearer and a space: "
    '`curl -H "Authorization: Bearer $TOKEN" "$LENS/api/v1/clusters"`. It is the token of a user or a '
    "ServiceAccount of the cluster (`kubectl create token NAME`), or one of Lens' tokens file "
    "(`lens token NAME`), as the operator of this Lens has decided. Lens-Authorization may have it instead, "
    "since some proxies don't pass Authorization on; two different tokens are none. It is never a part of "
    "the URL. A browser's address bar sends none."
)
_HEADERS: Mapping[str, Document] = {
    "X-Request-Id": {
        "description": "The id from the request if it was valid, else a new one.",
        "required": True,
        "schema": _TEXT,
    },
    "RateLimit": {
        "description": "r is the number of requests that remain, t the seconds until there is one more "
        "(draft-ietf-httpapi-ratelimit-headers-11).",
        "schema": _TEXT,
        "example": '"caller";r=997;t=1',
    },
    "RateLimit-Policy": {
        "description": "q is the token bucket's size in requests, w the seconds in which an empty one fills.",
        "schema": _TEXT,
        "example": '"caller";q=1000;w=120',
    },
    "ETag": {"description": "The entity tag, for If-None-Match.", "required": True, "schema": _TEXT},
    "Age": {
        "description": "The age of the cached response in seconds.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "Link": {"description": "The URL of the next page of a CSV, with rel=next.", "schema": _TEXT},
    "Retry-After": {
        "description": "The seconds after which a retry may succeed.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": "Bearer alone if there is no token. For a wrong one error_description says what is "
        "wrong with it (RFC 6750).",
        "required": True,
        "schema": _TEXT,
    },
}
_MANIFEST: Document = {
    "description": "A Pod, or anything with pod templates: Deployment, Job, JobSet, PyTorchJob, RayJob, … "
    "Several documents, or a List, are placed one after another.",
    "required": True,
    "content": {
        "application/yaml": {"schema": _TEXT},
        CONTENT_TYPE: {"schema": {"type": "object"}},
    },
}
_ERROR_HEADERS: Mapping[int, tuple[str, ...]] = {
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
        4000,
        "A parameter is missing, unknown, repeated or invalid, or the manifest is.",
        "Invalid parameter: cluster is required",
    ),
    401: _Error(4001, "The token is missing or invalid.", "Unauthorized"),
    403: _Error(
        4003,
        "The token's owner has no right to this request.",
        "Forbidden: get realtime.lens is required in the whole cluster",
    ),
    404: _Error(4004, "The cluster, node or path does not exist.", "Cluster not found"),
    405: _Error(4005, "The endpoint has no such method.", "Method not allowed"),
    413: _Error(4013, "The request body is too large.", "Body too large: the limit is 65536 bytes"),
    415: _Error(4015, "The request body is compressed.", "A body must not be compressed"),
    429: _Error(4029, "The caller has exceeded a rate limit; retry after Retry-After.", "Too many requests"),
    431: _Error(
        4000,
        "The request's head, or one of its header fields, is too long.",
        "Invalid request: a header field is over 16380 bytes",
    ),
    500: _Error(5000, "Lens has a defect; its log has the request's id.", "Internal error"),
    501: _Error(
        5001,
        "HTTP has no such method; methods are case-sensitive.",
        "Unknown method: methods are case-sensitive",
    ),
    502: _Error(
        5002,
        "Another cluster's Lens is unreachable, or its response is invalid.",
        "Cluster lab can't be asked",
    ),
    503: _Error(5003, "Lens can't answer yet, or is overloaded; retry after Retry-After.", "Not synced yet"),
    504: _Error(
        5004, "Another cluster's Lens did not respond in time.", "Cluster lab did not answer in time"
    ),
}


def document(routes: Iterable[Route[Any]]) -> Document:
    """Return the document that describes ``routes``."""
    table = tuple(routes)
    types = list(dict.fromkeys([None, *(route.data for route in table if route.data is not None)]))
    found, shared = TypeAdapter.json_schemas(
        [(str(number), "serialization", TypeAdapter(Envelope[data])) for number, data in enumerate(types)],  # type: ignore[valid-type]
        ref_template="#/components/schemas/{model}",
    )
    envelopes = {data: _renamed(found[str(number), "serialization"]) for number, data in enumerate(types)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lens",
            "version": __version__,
            "summary": "What a Kubernetes cluster's GPUs are doing, in real time.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(table, envelopes),
        "components": {
            # Generators name their classes after the titles, which pydantic repeats.
            "schemas": {name: {**each, "title": name} for name, each in _renamed(shared["$defs"]).items()},
            "responses": {str(status): _error_response(status, envelopes[None]) for status in ERRORS},
            "headers": dict(_HEADERS),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _TOKEN}},
        },
    }


def _paths(routes: Iterable[Route[Any]], envelopes: Mapping[type | None, Document]) -> Document:
    paths: Document = {}
    for route in routes:
        method = "get" if "GET" in route.methods else route.methods[0].lower()
        paths.setdefault(route.path, {})[method] = _operation(route, envelopes, method)
    return paths


def _renamed(schema: Any) -> Any:
    """Name the envelope of Status StatusAnswer, and that of an error, which has no data, Refusal."""

    def name(match: re.Match[str]) -> str:
        return "Refusal" if match[1] == "NoneType" else f"{match[1]}Answer"

    if isinstance(schema, dict):
        return {
            _ENVELOPE.sub(name, key): _ENVELOPE.sub(name, value) if key == "$ref" else _renamed(value)
            for key, value in schema.items()
        }
    return [_renamed(each) for each in schema] if isinstance(schema, list) else schema


def _operation(route: Route[Any], envelopes: Mapping[type | None, Document], method: str) -> Document:
    responses: Document = {"200": _success(route, envelopes)}
    if route.cached:
        responses["304"] = {
            "description": "The response that If-None-Match names is still current.",
            "headers": _headers("X-Request-Id", *_caching(route)),
        }
    for status in ERRORS:
        if status not in _impossible(route):
            responses[str(status)] = {"$ref": f"#/components/responses/{status}"}
    name = re.sub(r"\W+", "_", _PREFIX.sub("", route.path)).strip("_") or "page"
    return {
        "operationId": name if method == "get" else f"{method}_{name}",
        "summary": route.summary,
        "parameters": list(_parameters(route.parameters)),
        **({} if method == "get" else {"requestBody": _MANIFEST}),
        "responses": responses,
        "security": [{}] if route.open else [{"token": []}],
    }


def _success(route: Route[Any], envelopes: Mapping[type | None, Document]) -> Document:
    content: Document = {"schema": _TEXT}
    if route.data is not None:
        meta = {"code": 2000, "message": "OK"}
        content = {"schema": envelopes[route.data], "example": {"meta": meta, "data": EXAMPLES[route.data]}}
    contents = {route.media_type: content}
    headers = ["X-Request-Id"]
    if route.limited:
        headers += ["RateLimit", "RateLimit-Policy"]
    if route.cached:
        headers += _caching(route)
    if issubclass(route.parameters, ListParameters):
        contents[CSV] = {"schema": _TEXT}
        headers.append("Link")
    return {"description": route.summary, "headers": _headers(*headers), "content": contents}


def _caching(route: Route[Any]) -> list[str]:
    """Return the fields of a cached response; a file's has no age."""
    return ["ETag"] if route.data is None else ["ETag", "Age"]


def _headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _impossible(route: Route[Any]) -> set[int]:
    """Return the error statuses that an endpoint never responds with."""
    never: set[int] = set()
    if route.open:
        never |= {401, 403}
    if not route.limited:
        never |= {429}
    if not issubclass(route.parameters, ClusterParameters):
        # Only a request that is passed on to a cluster's Lens can meet an unreachable one.
        never |= {502, 504}
        # Only a request that names something can name what there isn't.
        if not route.parameters.in_path and "cluster" not in route.parameters.model_fields:
            never |= {404}
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
    """Return a parameter's schema: an optional parameter is absent, never null."""
    field.pop("title", None)
    # A repeated value is allowed.
    field.pop("uniqueItems", None)
    if field.get("default", "") is None:
        del field["default"]
    types = [each for each in field.pop("anyOf", ()) if each != {"type": "null"}]
    return {**field, **types[0]} if len(types) == 1 else {**field, **({"anyOf": types} if types else {})}


def _error_response(status: int, schema: Document) -> Document:
    error = ERRORS[status]
    example = {"meta": {"code": error.code, "message": error.example}, "data": None}
    return {
        "description": error.when,
        "headers": _headers("X-Request-Id", *_ERROR_HEADERS.get(status, ())),
        "content": {CONTENT_TYPE: {"schema": schema, "example": example}},
    }
