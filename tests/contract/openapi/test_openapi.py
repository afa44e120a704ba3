"""The schema: it is one, it is true, and it doesn't take anything from those who program against it."""

import copy
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.contract.conftest import Api, Serve
from tests.contract.filled import fill
from tests.contract.fit.test_fit_record import wrong
from tests.contract.kubernetes import Cluster
from tests.contract.openapi.document import Document
from tests.contract.openapi.html_page import render
from tests.contract.openapi.stored import PAGE, breaking, made, stored

SECTIONS = "&include=nodes&include=namespaces&include=alerts&include=events"
ASKED = {
    "/api/v1/clusters": ("/api/v1/clusters",),
    "/api/v1/realtime/summary": ("/api/v1/realtime/summary",),
    "/api/v1/realtime/status": tuple(
        f"/api/v1/realtime/status?cluster=prod-cluster{more}" for more in ("", SECTIONS)
    ),
    "/api/v1/realtime/running-tasks": tuple(
        f"/api/v1/realtime/running-tasks?cluster=prod-cluster{more}"
        for more in ("", "&state=all", "&limit=1")
    ),
    "/api/v1/realtime/pending-tasks": ("/api/v1/realtime/pending-tasks?cluster=prod-cluster",),
    "/api/v1/realtime/nodes": ("/api/v1/realtime/nodes?cluster=prod-cluster&sort=-available_gpus",),
    "/api/v1/realtime/nodes/{name}": tuple(
        f"/api/v1/realtime/nodes/{name}?cluster=prod-cluster"
        for name in ("gpu-0", "gpu-1", "mig", "node-1", "gone")
    ),
    "/api/v1/realtime/fit": tuple(
        f"/api/v1/realtime/fit?cluster=prod-cluster&gpus={gpus}&namespace=team-a&priority=9"
        for gpus in (1, 99)
    ),
    "/api/v1/realtime/fit/record": ("/api/v1/realtime/fit/record?cluster=prod-cluster",),
    "/api/v1/access": ("/api/v1/access", "/api/v1/access?cluster=prod-cluster&namespace=team-a"),
    "/healthz": ("/healthz",),
    "/readyz": ("/readyz",),
}
"""Every endpoint that answers in JSON, and how it is asked for all that it can tell."""


@pytest.fixture
async def document(api: Api) -> Document:
    """Return what is served to whoever asks, with no token."""
    answer = await api.ask("/openapi.json", token=None)
    assert answer.status == 200
    assert isinstance(answer.document, dict)
    return answer.document


def schema_of(document: Document, content: Document) -> Document:
    """Return the JSON Schema of a content, with what it refers to."""
    return {**content["schema"], "components": document["components"]}


def json_answers(document: Document) -> Iterator[tuple[str, Document]]:
    """Go through the endpoints whose good answers have a schema, with that content."""
    for path, operation in operations(document):
        content = operation["responses"]["200"]["content"].get("application/json", {})
        if "$ref" in content.get("schema", {}):
            yield path, content


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    """Go through all operations, with their paths."""
    for path, item in document["paths"].items():
        for operation in item.values():
            yield path, operation


def held_against(schema: Document) -> jsonschema.Draft202012Validator:
    """Return a validator that also lets nothing undocumented through: fields that no type has."""

    def close(each: Any) -> Any:
        if isinstance(each, list):
            return [close(one) for one in each]
        if not isinstance(each, dict):
            return each
        closed = {key: close(value) for key, value in each.items() if key not in ("example", "examples")}
        if isinstance(each.get("properties"), dict) and each.get("type") == "object":
            closed["unevaluatedProperties"] = False
        return closed

    return jsonschema.Draft202012Validator(close(schema))


async def test_generators_can_read_it(document: Document) -> None:
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["openapi"].startswith("3.1")


async def test_every_answer_is_as_it_says(api: Api, cluster: Cluster, document: Document) -> None:
    fill(cluster)
    cluster.state.fit_record = wrong()
    contents = dict(json_answers(document))
    assert contents.keys() == ASKED.keys()
    for path, content in contents.items():
        validator = held_against(schema_of(document, content))
        for asked in ASKED[path]:
            errors = [
                f"{asked}: {each.json_path} {each.message}"
                for each in validator.iter_errors((await api.ask(asked)).document)
            ]
            assert errors == []


async def test_every_endpoint_is_in_it_and_nothing_else(api: Api, document: Document) -> None:
    assert "/api/v1/realtime/stream" in document["paths"]
    for path in document["paths"]:
        # Which token is asked for is known of endpoints alone.
        answer = await api.ask(path.replace("{name}", "x") + "?cluster=prod-cluster&typo=1", token=None)
        protected = document["paths"][path]["get"]["security"] != [{}]
        # Documents for people open whatever others have added to their addresses.
        ignores = path in ("/", "/docs")
        assert answer.status == (401 if protected else 200 if ignores else 400), path


async def test_every_refusal_is_as_it_says(
    api: Api, serve: Serve, cluster: Cluster, document: Document
) -> None:
    status = "/api/v1/realtime/status"
    limited = await serve(requests_per_minute=1, requests_burst=1)
    await limited.status()
    refusals = [
        await api.ask(status),
        await api.ask(f"{status}?cluster=prod-cluster", token=None),
        await api.ask(f"{status}?cluster=other"),
        await api.ask(f"{status}?cluster=prod-cluster", method="POST"),
        await api.ask(f"{status}?cluster=prod-cluster", X_Long="a" * 17_000),
        await limited.status(),
    ]
    cluster.publish(0, synced=False)
    refusals.append(await api.status("", Cache_Control="no-cache"))
    assert [each.status for each in refusals] == [400, 401, 404, 405, 431, 429, 503]
    described = document["paths"][status]["get"]["responses"]
    for answer in refusals:
        name = described[str(answer.status)]["$ref"].rpartition("/")[2]
        response = document["components"]["responses"][name]
        content = response["content"]["application/json"]
        held_against(schema_of(document, content)).validate(answer.document)
        assert answer.document["meta"]["code"] == content["example"]["meta"]["code"]
        wanted = [
            header
            for header, reference in response["headers"].items()
            if document["components"]["headers"][reference["$ref"].rpartition("/")[2]].get("required")
        ]
        assert [header for header in wanted if header not in answer.headers] == []


async def test_every_answer_has_an_example_that_is_one(document: Document) -> None:
    for path, content in json_answers(document):
        errors = held_against(schema_of(document, content)).iter_errors(content["example"])
        assert [f"{path}: {each.json_path} {each.message}" for each in errors] == []


async def test_generated_types_get_names_that_people_would_choose(document: Document) -> None:
    names = [
        *document["components"]["schemas"],
        *(operation["operationId"] for _, operation in operations(document)),
    ]
    assert [name for name in names if not re.fullmatch(r"[A-Z][A-Za-z]+|[a-z][a-z0-9_]*[a-z]", name)] == []
    assert len(set(names)) == len(names)
    titles = {name: schema["title"] for name, schema in document["components"]["schemas"].items()}
    assert titles == {name: name for name in titles}


async def test_every_parameter_type_and_field_says_what_it_is(document: Document) -> None:
    parameters = {
        f"{path} {each['name']}": each["description"]
        for path, operation in operations(document)
        for each in operation["parameters"]
    }
    types = {
        name: schema.get("description")
        for name, schema in document["components"]["schemas"].items()
        if not name.endswith(("Answer", "Refusal"))
    }
    fields = {
        # pydantic leaves out a field's text that is its type's.
        f"{name}.{field}": each.get("description") or types.get(each.get("$ref", "").rpartition("/")[2])
        for name, schema in document["components"]["schemas"].items()
        for field, each in schema.get("properties", {}).items()
    }
    assert [name for name, text in {**parameters, **types, **fields}.items() if not text] == []


async def test_clients_of_the_stored_schema_go_on_working() -> None:
    told = list(breaking(stored(), await made()))
    assert told == [], "if it was decided: make schema ARGS=--breaking"


async def test_what_is_served_is_of_the_present_routes_and_types(document: Document) -> None:
    assert await made() == document, "renew it: make schema"
    assert PAGE.read_text() == render(document), "renew it: make schema"


def test_what_would_break_a_client_is_found() -> None:
    old, new = stored(), copy.deepcopy(stored())
    assert list(breaking(old, new)) == []
    schemas, paths = new["components"]["schemas"], new["paths"]
    del schemas["Status"]["properties"]["pending"]
    schemas["Task"]["properties"]["pod_uid"] = {"type": "integer"}
    schemas["Node"]["properties"]["total_gpus"] = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    schemas["GpuHolder"]["required"].remove("container")
    schemas["Task"]["properties"]["more"] = {"type": "string"}
    del paths["/api/v1/clusters"]
    running, pending = (paths[f"/api/v1/realtime/{name}-tasks"]["get"] for name in ("running", "pending"))
    running["parameters"].append({"name": "region", "in": "query", "required": True, "schema": {}})
    pending["parameters"] = [each for each in pending["parameters"] if each["name"] != "sort"]
    running["parameters"].append({"name": "colour", "in": "query", "required": False, "schema": {}})
    (state,) = (each for each in running["parameters"] if each["name"] == "state")
    state["schema"]["enum"].remove("terminating")
    del running["responses"]["200"]["content"]["text/csv"]
    assert sorted(breaking(old, new)) == [
        "GET /api/v1/clusters is gone",
        "GET /api/v1/realtime/nodes data nodes [] total_gpus may be null",
        "GET /api/v1/realtime/nodes/{name} data gpus [] holders [] container is not always there",
        "GET /api/v1/realtime/nodes/{name} data node total_gpus may be null",
        "GET /api/v1/realtime/pending-tasks has no parameter sort any more",
        "GET /api/v1/realtime/running-tasks answers no text/csv any more",
        "GET /api/v1/realtime/running-tasks data tasks [] pod_uid is no string any more",
        "GET /api/v1/realtime/running-tasks data tasks [] pod_uid may be integer",
        "GET /api/v1/realtime/running-tasks requires the parameter region",
        "GET /api/v1/realtime/running-tasks: the parameter state takes no terminating any more",
        "GET /api/v1/realtime/status data nodes [] total_gpus may be null",
        "GET /api/v1/realtime/status data pending is gone",
    ]


class _Page(HTMLParser):
    """A page's links and anchors, and whether all that was opened was closed."""

    VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "action"):
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def test_the_page_shows_every_endpoint_and_type_and_needs_nothing_from_elsewhere(
    api: Api, document: Document
) -> None:
    answer = await api.ask("/docs", token=None)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = _Page()
    page.feed(answer.body.decode())
    page.close()
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert {*document["paths"], *document["components"]["schemas"]} <= set(page.ids)
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    assert [link for link in page.links if not link.startswith("#")] == ["/openapi.json"]
    assert re.search(rb"<script|https?://|@import|url\(", answer.body) is None
