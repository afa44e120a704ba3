"""The right to capacity by the cluster's RBAC: ``get capacity.lens``, in the cluster or in a namespace."""

from typing import Any

import pytest

from lens_sim.apiserver.reviews import Right
from tests.integration.access.conftest import ACCESS_REVIEW, REALTIME, STATUS, TASKS, TOKEN_REVIEW, Scene
from tests.integration.watch import faults

CAPACITY = Right("get", "lens", "capacity")
IN_TEAM = CAPACITY._replace(namespace="team-a")
NODES = "/api/v1/realtime/nodes?cluster=prod-cluster"
FIT = "/api/v1/realtime/fit?cluster=prod-cluster&gpus=1"
FREE = [STATUS, f"{STATUS}&include=nodes", NODES, FIT]


def reviewed(lens: Scene) -> list[tuple[str, Any]]:
    """Return what was asked of the apiserver about rights: resource and namespace."""
    asked = [each["resourceAttributes"] for each in lens.reviews(ACCESS_REVIEW)]
    return [(each["resource"], each.get("namespace")) for each in asked]


@pytest.mark.parametrize("path", [*FREE, "/api/v1/clusters", "/api/v1/realtime/summary"])
async def test_get_capacity_in_the_cluster_shows_what_is_free(lens: Scene, path: str) -> None:
    lens.account("free", CAPACITY)
    assert (await lens.ask(path, "free")).status == 200


@pytest.mark.parametrize("path", [f"{STATUS}&include=alerts", TASKS, f"{TASKS}&namespace=team-a", "/metrics"])
async def test_it_shows_nothing_else(lens: Scene, path: str) -> None:
    lens.account("free", CAPACITY)
    assert (await lens.ask(path, "free")).status == 403


@pytest.mark.parametrize("path", FREE)
async def test_a_role_binding_is_enough_for_requests_that_name_its_namespace(lens: Scene, path: str) -> None:
    lens.account("free", IN_TEAM)
    assert (await lens.ask(f"{path}&namespace=team-a", "free")).status == 200
    assert (await lens.ask(f"{path}&namespace=team-b", "free")).status == 403
    refused = await lens.ask(path, "free")
    assert refused[:3] == (
        403,
        4003,
        "Forbidden: get realtime.lens or get capacity.lens is required in the whole cluster",
    )


async def test_the_missing_right_is_named_with_its_namespace(lens: Scene) -> None:
    lens.account("none")
    assert (await lens.ask(f"{STATUS}&namespace=team-a", "none")).message == (
        "Forbidden: get realtime.lens or get capacity.lens is required in the whole cluster, "
        "or get capacity.lens in namespace team-a"
    )


async def test_realtime_in_a_namespace_is_no_right_to_capacity(lens: Scene) -> None:
    lens.account("team", REALTIME._replace(namespace="team-a"), Right("list", "", "pods", "team-a"))
    for path in FREE[:3]:
        assert (await lens.ask(f"{path}&namespace=team-a", "team")).status == 403


async def test_capacity_is_reviewed_only_where_realtime_is_refused(lens: Scene) -> None:
    lens.account("all", REALTIME)
    lens.account("free", CAPACITY)
    assert (await lens.ask(STATUS, "all")).status == 200
    assert reviewed(lens) == [("realtime", None)]
    lens.front.requests.clear()
    assert [(await lens.ask(path, "free")).status for path in FREE] == [200] * 4
    assert reviewed(lens) == [("realtime", None), ("capacity", None)]
    assert len(lens.requests(TOKEN_REVIEW)) == 1


async def test_while_reviews_fail_what_was_granted_stays_granted(lens: Scene) -> None:
    lens.account("free", CAPACITY)
    assert (await lens.ask(STATUS, "free")).status == 200
    lens.now += 60
    lens.front.always(ACCESS_REVIEW, faults.status(500))
    lens.front.always(TOKEN_REVIEW, faults.status(500))
    assert (await lens.ask(f"{STATUS}&include=nodes", "free")).status == 200
    # What was refused is not known to be still refused.
    assert (await lens.ask(f"{STATUS}&include=alerts", "free")).status == 503


async def test_capacity_that_is_taken_away_is_refused_within_seconds(lens: Scene) -> None:
    lens.account("free", CAPACITY)
    assert (await lens.ask(STATUS, "free")).status == 200
    lens.account("free")
    lens.now += 31
    assert (await lens.ask(STATUS, "free")).status == 403


async def test_rights_in_a_namespace_and_to_capacity_add_up(lens: Scene) -> None:
    lens.account("team", IN_TEAM, Right("list", "", "pods", "team-a"))
    fit = await lens.ask(f"{FIT}&namespace=team-a", "team")
    assert [each["node_name"] for each in fit.data["pods"][0]["placements"]] == ["n1"]
    assert "namespace" not in fit.data["not_checked"]


@pytest.mark.parametrize(
    ("rights", "realtime", "capacity", "tasks", "in_namespace"),
    [
        ((), False, False, False, False),
        ((REALTIME,), True, True, True, True),
        ((CAPACITY,), False, True, False, True),
        ((IN_TEAM,), False, False, False, True),
        ((Right("list", "", "pods", "team-a"),), False, False, True, False),
        ((REALTIME._replace(namespace="team-a"), IN_TEAM), False, False, True, True),
    ],
)
async def test_access_says_what_reviews_say(
    lens: Scene, rights: tuple[Right, ...], realtime: bool, capacity: bool, tasks: bool, in_namespace: bool
) -> None:
    lens.account("me", *rights)
    answer = await lens.ask("/api/v1/access?namespace=team-a", "me")
    assert answer.status == 200
    assert (answer.data["caller"], answer.data["namespaces"]) == ("user-of-me", None)
    assert (answer.data["realtime"], answer.data["capacity"]) == (realtime, capacity)
    assert answer.data["namespace"] == {"name": "team-a", "tasks": tasks, "capacity": in_namespace}
    # The first says it all, and what is known is not asked again.
    assert len(lens.reviews(ACCESS_REVIEW)) <= 5
    again = await lens.ask("/api/v1/access?namespace=team-a", "me")
    assert again.data == answer.data
    assert len(lens.reviews(ACCESS_REVIEW)) <= 5
