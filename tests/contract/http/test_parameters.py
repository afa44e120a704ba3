"""Queries that can't be answered say why, and nothing more."""

import json
from urllib.parse import quote

import pytest

from tests.contract.conftest import Api
from tests.contract.wire import exchange

STATUS = "/api/v1/realtime/status"
TASKS = "/api/v1/realtime/running-tasks"
PENDING = "/api/v1/realtime/pending-tasks"


@pytest.mark.parametrize("path", [STATUS, TASKS])
@pytest.mark.parametrize("query", ["", "?cluster=", "?cluster=&cluster=prod-cluster", "?include=nodes"])
async def test_a_missing_cluster_is_400_even_without_a_token(api: Api, path: str, query: str) -> None:
    answer = await api.ask(path + query, token=None)
    assert answer.error == (400, 4000, "Invalid parameter: cluster is required")


KNOWN = "cluster, namespace, view, include, event_type, event_object, event_since"


async def test_a_name_that_no_node_can_have_is_no_defect_of_ours(api: Api) -> None:
    answer = await api.ask(f"/api/v1/realtime/nodes/{'a' * 254}?cluster=prod-cluster")
    quoted = repr("a" * 64)
    assert answer.error == (400, 4000, f"Invalid parameter: name {quoted} is longer than 253 characters")


@pytest.mark.parametrize("name", ["staging", "PROD-CLUSTER", "prod-cluster ", "*"])
async def test_another_cluster_is_not_found(api: Api, name: str) -> None:
    for path in (STATUS, STATUS.replace("status", "stream"), STATUS.replace("status", "running-tasks")):
        answer = await api.ask(f"{path}?cluster={quote(name)}")
        assert answer.error == (404, 4004, "Cluster not found")
        assert answer.document["meta"]["clusters"] == ["prod-cluster"]


@pytest.mark.parametrize("query", ["&include=pods", "&include=nodes,pods", "&include=nodes&include=pods"])
async def test_a_section_that_is_not_there_is_named_with_those_that_are(api: Api, query: str) -> None:
    answer = await api.status(query)
    assert answer.error == (
        400,
        4000,
        "Invalid parameter: include 'pods' is not supported; "
        "supported: nodes, no_node, namespaces, alerts or events",
    )


@pytest.mark.parametrize("query", ["&include=event", "&include=Nodes", "&include=nodes,"])
async def test_no_section_is_dropped_silently(api: Api, query: str) -> None:
    status, code, message = (await api.status(query)).error
    assert (status, code) == (400, 4000)
    assert message.startswith("Invalid parameter: include '")


async def test_an_empty_include_means_the_default(api: Api) -> None:
    data = (await api.status("&include=")).data
    assert "nodes" not in data
    assert data["running_tasks"] == 0


@pytest.mark.parametrize(
    "query", ["event_type=TaskStarted", "event_object=Pod/a/b", "event_since=2025-12-19T15:30:00Z"]
)
async def test_a_filter_of_events_without_events_is_not_ignored(api: Api, query: str) -> None:
    name = query.partition("=")[0]
    for include in ("", "&include=nodes"):
        answer = await api.status(f"{include}&{query}")
        assert answer.error == (400, 4000, f"Invalid parameter: {name} needs include=events")
    assert (await api.status(f"&include=events,nodes&{query}")).data["recent_events"] == []


async def test_an_empty_continue_starts_at_the_beginning(api: Api) -> None:
    for path in (TASKS, PENDING):
        data = (await api.ask(f"{path}?cluster=prod-cluster&limit=5&continue=")).data
        assert data["tasks"] == []


async def test_a_section_may_be_named_more_than_once(api: Api) -> None:
    for query in ("&include=nodes,nodes", "&include=nodes&include=nodes", "&include=nodes" * 500):
        assert "nodes" in (await api.status(query)).data


@pytest.mark.parametrize("namespace", ["Team", "a.b", "-a", "a-", "a" * 64, "", "a/b", "ä", "a\n", "..", "%"])
async def test_what_can_be_no_namespace_is_named(api: Api, namespace: str) -> None:
    status, code, message = (await api.tasks(f"&namespace={quote(namespace)}")).error
    assert (status, code) == (400, 4000)
    assert message.startswith("Invalid parameter: namespace ")
    assert message.endswith(" is not a DNS label")


@pytest.mark.parametrize(
    ("path", "name", "known"),
    [
        (f"{STATUS}?cluster=prod-cluster&includes=nodes", "includes", f"; known: {KNOWN}"),
        (f"{STATUS}?cluster=prod-cluster&node=a", "node", f"; known: {KNOWN}"),
        (
            f"{TASKS}?cluster=prod-cluster&Namespace=a",
            "Namespace",
            "; known: cluster, sort, limit, continue, format, namespace, state, node",
        ),
        ("/api/v1/clusters?cluster=prod-cluster", "cluster", ""),
        ("/readyz?verbose", "verbose", ""),
    ],
)
async def test_a_typo_in_a_parameters_name_is_found(api: Api, path: str, name: str, known: str) -> None:
    answer = await api.ask(path)
    assert answer.error == (400, 4000, f"Invalid parameter: '{name}' is unknown{known}")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{STATUS}?cluster=prod-cluster&cluster=other", "cluster"),
        (f"{TASKS}?cluster=prod-cluster&namespace=a&namespace=b", "namespace"),
    ],
)
async def test_of_two_values_none_is_picked(api: Api, path: str, name: str) -> None:
    answer = await api.ask(path)
    assert answer.error == (400, 4000, f"Invalid parameter: {name} is given more than once")


@pytest.mark.parametrize(
    "query",
    [
        "include=%0d%0aSet-Cookie:%20a=b",
        "include=%00",
        "include=%1b[31m",
        "%00%0a=1",
        "include=%e2%80%ae",
        "include=%ff%fe",
        "include=" + "x" * 7000,
        "x" * 7000 + "=1",
        "include=<script>",
    ],
)
async def test_what_is_quoted_in_an_error_is_short_and_harmless(api: Api, query: str) -> None:
    answer = await api.status(f"&{query}")
    status, code, message = answer.error
    assert (status, code) == (400, 4000)
    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 400
    assert "Set-Cookie" not in answer.headers


async def test_bytes_that_are_no_text_are_answered(api: Api) -> None:
    request = (
        b"GET /api/v1/realtime/status?cluster=\xff\xfe&\xc3=\x80 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    )
    (answer,) = await exchange(api.server, request + b"Authorization: Bearer right-token\r\n\r\n")
    assert answer.status == 400
    assert json.loads(answer.body)["meta"]["code"] == 4000


@pytest.mark.parametrize(
    "query", ["cluster=nobody", "cluster=prod-cluster&include=alerts", "cluster=prod-cluster&typo=1"]
)
async def test_strangers_learn_nothing_else_from_their_mistakes(api: Api, query: str) -> None:
    answer = await api.ask(f"{STATUS}?{query}", token="wrong")
    assert answer.error == (401, 4001, "Unauthorized")
