"""How often Lens was right about pending pods: in numbers for all, with cases for who may see them."""

import json
from pathlib import Path
from typing import Any

from lens.model.fit.record.record import FitRecord
from tests.contract.conftest import NOW, Api, Clock, Serve
from tests.contract.fit.fit_requests import write_team_token
from tests.contract.kubernetes import Cluster
from tests.oracle import lens
from tests.unit.model.fit.fleets import node
from tests.unit.model.fit.record.world import World, asking

RECORD = "/api/v1/realtime/fit/record?cluster=prod-cluster"


def wrong() -> FitRecord:
    """Return the record of a scheduler that refuses a pod that fits, and binds one that doesn't."""
    world = World(node("secret-node", 8, labels={"team": "blue-team"}))
    world.pod(asking(1, "right"))
    world.refuse("right", "0/1 nodes are available: 1 node(s) belong to blue-team.")
    world.wait(20)
    world.pod(asking(99, "too-large"))
    world.bind("too-large", "secret-node")
    world.pod(asking(1, "gone"))
    world.delete("gone")
    world.wait(20)
    return world.record


async def status(api: Api) -> Any:
    return (await api.status()).data["fit_record"]


async def test_it_is_null_before_the_first_comparison(api: Api) -> None:
    assert await status(api) is None
    data = (await api.ask(RECORD)).data
    assert (data["fit_record"], data["abstained"], data["cases"]) == (None, {}, [])


async def test_status_tells_it_as_it_is_though_nothing_else_has_changed(
    api: Api, cluster: Cluster, clock: Clock
) -> None:
    assert await status(api) is None
    cluster.state.fit_record = FitRecord(NOW - 60, right=3, wrong=1, abstained={"raced": 2, "volumes": 1})
    clock.now += 1
    assert await status(api) == {"right": 3, "wrong": 1, "abstained": 3, "since": "2025-12-19T15:29:00Z"}
    assert (await api.ask(RECORD)).data["abstained"] == {"raced": 2, "volumes": 1}


async def test_a_wrong_prediction_is_told_with_a_case_file_that_gives_the_same_answer_again(
    api: Api, cluster: Cluster
) -> None:
    cluster.state.fit_record = wrong()
    data = (await api.ask(RECORD)).data
    assert data["fit_record"]["wrong"] == 2
    assert data["abstained"] == {"deleted": 1}
    bound, refused = data["cases"]
    assert (bound["said"], bound["node_name"], bound["message"]) == ("no", "secret-node", None)
    assert (refused["said"], refused["node_name"], refused["pod_name"]) == ("yes", None, "right")
    assert refused["message"] == "0/1 nodes are available: 1 node(s) belong to blue-team."
    for case in bound, refused:
        ((answer, _),) = lens.answers(case["file"]["fleet"])
        assert answer["fits"] is (case["said"] == "yes")


async def test_anonymous_leaves_no_name_of_the_users_own(api: Api, cluster: Cluster) -> None:
    cluster.state.fit_record = wrong()
    body = (await api.ask(f"{RECORD}&anonymous=true")).body.decode()
    for name in "secret-node", "blue-team", "too-large", "default":
        assert name not in body
    for case in json.loads(body)["data"]["cases"]:
        ((answer, _),) = lens.answers(case["file"]["fleet"])
        assert answer["fits"] is (case["said"] == "yes")
        assert [case[name] for name in ("namespace", "pod_name", "node_name", "message")] == [None] * 4


async def test_who_sees_one_namespace_does_not_see_the_cases(
    cluster: Cluster, serve: Serve, tokens_file: Path
) -> None:
    write_team_token(tokens_file)
    cluster.publish(NOW)
    api = await serve()
    assert (await api.ask(RECORD, token="t")).status == 403
    assert (await api.ask(f"{RECORD}&anonymous=true", token="t")).status == 403


async def test_anonymous_is_true_or_false(api: Api) -> None:
    assert (await api.ask(f"{RECORD}&anonymous=1")).status == 400
