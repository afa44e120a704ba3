"""Reviews are made as a real apiserver makes them."""

from typing import Any

import aiohttp
import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.apiserver.reviews import Account, Right

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


async def review(client: aiohttp.ClientSession, path: str, kind: str, **spec: Any) -> Any:
    body = {"apiVersion": path.removeprefix("/apis/").rpartition("/")[0], "kind": kind, "spec": spec}
    async with client.post(path, json=body) as response:
        assert response.status == 201
        answer = await response.json()
    assert {**answer, "status": None} == {**body, "status": None}
    return answer["status"]


async def test_a_token_review_names_the_owner(server: SimApiServer, client: aiohttp.ClientSession) -> None:
    server.accounts.by_token["t"] = Account("jane", uid="u", groups=("g",), extra={"k": ["v"]})
    assert await review(client, TOKEN_REVIEWS, "TokenReview", token="t") == {
        "authenticated": True,
        "user": {"username": "jane", "uid": "u", "groups": ["g"], "extra": {"k": ["v"]}},
        "audiences": ["https://kubernetes.default.svc"],
    }
    for spec in ({"token": "other"}, {"token": "t", "audiences": ["lens"]}):
        status = await review(client, TOKEN_REVIEWS, "TokenReview", **spec)
        assert "authenticated" not in status
        assert status["user"] == {}
        assert status["error"]


@pytest.mark.parametrize(
    ("namespace", "resource", "allowed"),
    [
        ("a", "pods", True),
        ("b", "pods", False),
        ("", "pods", False),
        ("a", "nodes", True),
        ("", "nodes", True),
    ],
)
async def test_a_permission_holds_where_it_was_granted(
    server: SimApiServer, client: aiohttp.ClientSession, namespace: str, resource: str, allowed: bool
) -> None:
    server.accounts.rights["jane"] = {Right("list", "", "pods", "a")}
    server.accounts.rights["g"] = {Right("list", "", "nodes")}
    attributes = {"verb": "list", "resource": resource, "namespace": namespace}
    status = await review(
        client,
        ACCESS_REVIEWS,
        "SubjectAccessReview",
        user="jane",
        groups=["g"],
        resourceAttributes=attributes,
    )
    assert status["allowed"] is allowed


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"spec": {"token": ""}}'])
async def test_an_invalid_review_is_a_bad_request(client: aiohttp.ClientSession, body: bytes) -> None:
    async with client.post(TOKEN_REVIEWS, data=body) as response:
        assert (response.status, (await response.json())["reason"]) == (400, "BadRequest")
