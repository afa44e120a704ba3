"""The client knows the API: its types are those of the OpenAPI document, field by field."""

import pytest

from lens_client.api import schema
from lens_client.api.validation import SchemaError, check
from tests.contract import client_schema
from tests.contract.openapi.stored import stored


def test_the_clients_types_are_those_of_the_document() -> None:
    assert client_schema.PATH.read_text() == client_schema.source(), "run `make schema`"


def test_the_documents_examples_are_what_the_client_reads() -> None:
    examples = {
        path: operation["responses"]["200"]["content"]["application/json"]["example"]["data"]
        for path, item in stored()["paths"].items()
        for operation in item.values()
        if "example" in operation["responses"]["200"]["content"].get("application/json", {})
    }
    kinds = {
        "/api/v1/access": schema.Access,
        "/api/v1/clusters": schema.Clusters,
        "/api/v1/realtime/fit/record": schema.FitRecordDetail,
        "/api/v1/realtime/status": schema.Status,
        "/api/v1/realtime/summary": schema.Summary,
        "/api/v1/realtime/running-tasks": schema.RunningTasks,
        "/api/v1/realtime/pending-tasks": schema.PendingTasks,
        "/api/v1/realtime/nodes": schema.Nodes,
        "/api/v1/realtime/nodes/{name}": schema.NodeDetail,
        "/api/v1/realtime/fit": schema.Fit,
        "/healthz": schema.Health,
        "/readyz": schema.Health,
    }
    assert examples.keys() == kinds.keys()
    for path, example in examples.items():
        check(kinds[path], example)


def test_a_field_that_is_missing_or_of_another_type_is_named() -> None:
    example = stored()["paths"]["/api/v1/realtime/status"]["get"]["responses"]["200"]["content"]
    data = example["application/json"]["example"]["data"]
    without = {**data, "products": [{**data["products"][0], "total": "16"}]}
    for wrong, problem in (
        (without, "products[0].total: '16' isn't an integer"),
        ({**data, "approximate": 0}, "approximate: '0' isn't true or false"),
        ({**data, "running_tasks": True}, "running_tasks: 'True' isn't an integer"),
        ({**data, "pending": []}, "pending: isn't an object"),
        ({**data, "timestamp": None}, "timestamp: 'None' isn't a string"),
        ({name: value for name, value in data.items() if name != "timestamp"}, "has no field timestamp"),
    ):
        with pytest.raises(SchemaError) as caught:
            check(schema.Status, wrong)
        assert str(caught.value) == problem


def test_a_field_that_lens_does_not_have_is_unknown() -> None:
    example = stored()["paths"]["/api/v1/realtime/status"]["get"]["responses"]["200"]["content"]
    data = {**example["application/json"]["example"]["data"], "pending": None}
    del data["dra"], data["running_tasks"]
    check(schema.Status, data)
    assert data["pending"] == {"pods": None, "gpus": None, "gated_pods": None}
    assert set(data["dra"].values()) == {None}
    assert data["running_tasks"] is None


def test_unknown_fields_and_values_of_a_newer_api_are_accepted() -> None:
    meta = {"code": 2000, "message": "OK", "added": [1]}
    check(schema.Meta, meta)
    check(schema.Health, {"status": "better than ever"})
