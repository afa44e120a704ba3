"""``/api/v1/access``: what a caller may see, told to any caller."""

from pathlib import Path
from typing import Any

import pytest

from lens import __version__
from tests.contract.conftest import NOW, TOKEN, Api, Clock, Serve
from tests.contract.kubernetes import Cluster, node
from tests.contract.page.test_capacity import ALL, BOTH, FREE, TEAM, api, hub
from tests.contract.peering import lens, rights

ACCESS = "/api/v1/access"


__all__ = ["api", "hub"]


async def access(api: Api, token: str, query: str = "") -> Any:
    return (await api.ask(f"{ACCESS}{query}", token=token)).data


@pytest.mark.parametrize(
    ("token", "realtime", "capacity", "namespaces", "clusters"),
    [
        (ALL, True, True, None, ["lab"]),
        (FREE, False, True, [], ["lab"]),
        (TEAM, False, False, ["hush-team"], None),
        (BOTH, False, True, ["hush-team"], ["lab"]),
    ],
)
async def test_every_caller_is_told_what_it_sees(
    api: Api,
    token: str,
    realtime: bool,
    capacity: bool,
    namespaces: list[str] | None,
    clusters: list[str] | None,
) -> None:
    answer = await access(api, token)
    page = (await api.ask("/", token=None)).body.decode()
    assert f"assets/{answer['page']}/" in page
    assert answer == {
        "caller": token,
        "cluster": "lab",
        "clusters": clusters,
        "realtime": realtime,
        "capacity": capacity,
        "namespace": None,
        "namespaces": namespaces,
        "paths": None,
        "version": __version__,
        "page": answer["page"],
    }


@pytest.mark.parametrize(
    ("token", "namespace", "tasks", "capacity"),
    [
        (ALL, "hush-team", True, True),
        (ALL, "other", True, True),
        (FREE, "hush-team", False, True),
        (TEAM, "hush-team", True, False),
        (TEAM, "other", False, False),
        (BOTH, "hush-team", True, True),
        (BOTH, "other", False, True),
    ],
)
async def test_and_what_in_a_namespace(
    api: Api, token: str, namespace: str, tasks: bool, capacity: bool
) -> None:
    found = (await access(api, token, f"?namespace={namespace}"))["namespace"]
    assert found == {"name": namespace, "tasks": tasks, "capacity": capacity}
    # What it says is what the endpoints do.
    listed = f"/api/v1/realtime/running-tasks?cluster=lab&namespace={namespace}"
    assert ((await api.ask(listed, token=token)).status == 200) == tasks
    figures = f"/api/v1/realtime/status?cluster=lab&namespace={namespace}"
    assert ((await api.ask(figures, token=token)).status == 200) == capacity


async def test_nobody_without_a_token_is_told_anything(api: Api) -> None:
    for token in (None, "wrong"):
        assert (await api.ask(ACCESS, token=token)).error[:2] == (401, 4001)


async def test_a_hub_names_its_clusters_to_who_may_list_them(hub: Api) -> None:
    assert (await access(hub, FREE))["clusters"] == ["hub", "lab"]
    west = await access(hub, FREE, "?cluster=lab")
    assert (west["cluster"], west["capacity"]) == ("lab", True)
    assert (await access(hub, TEAM))["clusters"] is None


async def test_an_unknown_cluster_is_not_found_and_the_others_are_named_to_who_may_list_them(
    api: Api,
) -> None:
    known = await api.ask(f"{ACCESS}?cluster=no", token=FREE)
    assert known.error == (404, 4004, "Cluster not found")
    assert known.document["meta"]["clusters"] == ["lab"]
    hidden = await api.ask(f"{ACCESS}?cluster=no", token=TEAM)
    assert hidden.error == (404, 4004, "Cluster not found")
    assert "clusters" not in hidden.document["meta"]


async def test_a_token_of_some_endpoints_is_told_which(
    tmp_path: Path, cluster: Cluster, clock: Clock
) -> None:
    cluster.add(node("n1"))
    cluster.publish(NOW)
    entry = rights("limited", "paths: [/api/v1/realtime/status]", name="limited")
    async with lens("lab", tmp_path, cluster, clock, tokens=(entry,)) as api:
        answer = await access(api, "limited", "?namespace=a")
    assert answer["paths"] == ["/api/v1/realtime/status"]
    assert (answer["realtime"], answer["clusters"]) == (True, None)
    assert answer["namespace"] == {"name": "a", "tasks": False, "capacity": True}


async def test_before_the_cluster_is_listed_callers_are_told_already(serve: Serve) -> None:
    api = await serve()
    assert (await access(api, TOKEN))["realtime"] is True


async def test_without_authentication_everybody_sees_everything(serve: Serve, cluster: Cluster) -> None:
    cluster.publish(NOW)
    api = await serve(auth="none", tokens_file=None)
    answer = (await api.ask(ACCESS, token=None)).data
    assert (answer["caller"], answer["realtime"], answer["capacity"]) == ("anonymous", True, True)


async def test_a_cluster_that_is_named_has_a_name(api: Api) -> None:
    answer = await api.ask(f"{ACCESS}?cluster=", token=FREE)
    assert answer.error[:2] == (400, 4000)
    assert answer.error[2].endswith("is empty")
