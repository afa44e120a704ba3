"""What a token is good for."""

import hashlib
from pathlib import Path

import pytest

from lens.api.server import Server
from lens.config.errors import SettingsError
from lens.config.serve import ServeSettings
from lens.metrics import Metrics
from lens.model.cluster_state import ClusterState
from tests.contract.conftest import NOW, Api, Clock, Serve
from tests.contract.kubernetes import Cluster, node, pod

STATUS = "/api/v1/realtime/status?cluster=prod-cluster"
TASKS = "/api/v1/realtime/running-tasks?cluster=prod-cluster"
NODE = "/api/v1/realtime/nodes/n1?cluster=prod-cluster"
WHOLE_CLUSTER = [STATUS, TASKS, NODE, "/api/v1/clusters", "/metrics"]

TEAM = "namespaces: [team-a, team-b]"


def write_token(path: Path, rights: str) -> None:
    digest = hashlib.sha256(b"t").hexdigest()
    path.write_text(f"tokens:\n  - name: team\n    sha256: {digest}\n    {rights}\n")


@pytest.fixture
async def with_rights(
    serve: Serve, cluster: Cluster, tokens_file: Path, request: pytest.FixtureRequest
) -> Api:
    """Return a server of which the token ``t`` has the test's rights."""
    cluster.add(node("n1"))
    cluster.add(pod("mine", "n1", namespace="team-a"), pod("theirs", "n1", namespace="team-c"))
    cluster.publish(NOW)
    write_token(tokens_file, request.param)
    return await serve()


@pytest.mark.parametrize("with_rights", [TEAM], indirect=True)
@pytest.mark.parametrize("path", WHOLE_CLUSTER)
async def test_a_teams_token_gets_nothing_of_the_whole_cluster(with_rights: Api, path: str) -> None:
    answer = await with_rights.ask(path, token="t")
    assert answer.error == (
        403,
        4003,
        "Forbidden: the token has no right to the whole cluster, only to: team-a, team-b",
    )


@pytest.mark.parametrize("with_rights", [TEAM], indirect=True)
async def test_a_teams_token_gets_the_teams_tasks_and_no_others(with_rights: Api) -> None:
    own = (await with_rights.ask(f"{TASKS}&namespace=team-a", token="t")).data
    assert [task["pod_name"] for task in own["tasks"]] == ["mine"]
    assert (await with_rights.ask(f"{TASKS}&namespace=team-b", token="t")).data["total_tasks"] == 0
    other = await with_rights.ask(f"{TASKS}&namespace=team-c", token="t")
    assert other.error == (
        403,
        4003,
        "Forbidden: the token has no right to namespace team-c, only to: team-a, team-b",
    )


@pytest.mark.parametrize("with_rights", [TEAM], indirect=True)
async def test_a_teams_token_does_not_learn_which_clusters_and_nodes_there_are(with_rights: Api) -> None:
    for path in (STATUS.replace("prod", "no"), NODE.replace("n1", "n2")):
        assert (await with_rights.ask(path, token="t")).status == 403


@pytest.mark.parametrize("with_rights", [TEAM], indirect=True)
async def test_a_cached_response_is_not_sent_to_a_caller_without_the_permission(
    with_rights: Api, tokens_file: Path, clock: Clock
) -> None:
    write_token(tokens_file, f"{TEAM}\n  - name: all\n    sha256: {hashlib.sha256(b'all').hexdigest()}")
    clock.now += 1
    for path in (TASKS, f"{TASKS}&namespace=team-c"):
        answer = await with_rights.ask(path, token="all")
        assert answer.status == 200
        assert (await with_rights.ask(path, token="t")).status == 403
        repeated = await with_rights.ask(path, token="t", If_None_Match=answer.headers["ETag"])
        assert repeated.status == 403


@pytest.mark.parametrize(
    "with_rights",
    ["paths: [/api/v1/realtime/status, /metrics]", "paths: ['/metrics', '/api/v1/realtime/s*']"],
    indirect=True,
)
async def test_a_token_for_some_endpoints_works_for_these_alone(with_rights: Api) -> None:
    for path in (STATUS, "/metrics"):
        assert (await with_rights.ask(path, token="t")).status == 200
    answer = await with_rights.ask(TASKS, token="t")
    assert answer.error == (
        403,
        4003,
        "Forbidden: the token has no right to /api/v1/realtime/running-tasks",
    )


@pytest.mark.parametrize("with_rights", ["paths: [/api/v1/realtime/nodes/*]"], indirect=True)
async def test_all_nodes_are_one_endpoint(with_rights: Api) -> None:
    assert (await with_rights.ask(NODE, token="t")).status == 200
    assert (await with_rights.ask(STATUS, token="t")).status == 403


@pytest.mark.parametrize(
    "with_rights", ["namespaces: [team-a]\n    paths: ['/api/v1/realtime/*']"], indirect=True
)
async def test_of_two_restrictions_both_hold(with_rights: Api) -> None:
    assert (await with_rights.ask(f"{TASKS}&namespace=team-a", token="t")).status == 200
    assert (await with_rights.ask(TASKS, token="t")).status == 403
    assert (await with_rights.ask("/api/v1/clusters", token="t")).status == 403


@pytest.mark.parametrize("with_rights", [TEAM], indirect=True)
async def test_changed_permissions_hold_a_second_later(
    with_rights: Api, tokens_file: Path, clock: Clock
) -> None:
    write_token(tokens_file, "namespaces: [team-c]")
    clock.now += 1
    assert (await with_rights.ask(f"{TASKS}&namespace=team-c", token="t")).status == 200
    assert (await with_rights.ask(f"{TASKS}&namespace=team-a", token="t")).status == 403


@pytest.mark.parametrize(
    ("rights", "named"),
    [
        ("namespaces: []", "tokens.0.namespaces"),
        ("namespaces: [Team_A]", "tokens.0.namespaces.0"),
        ("namespaces: team-a", "tokens.0.namespaces"),
        ("paths: []", "tokens.0.paths"),
        ("paths: [status]", "tokens.0.paths.0"),
        ("paths: [/api/*/status]", "tokens.0.paths.0"),
        ("path: [/metrics]", "tokens.0.path: Extra inputs"),
    ],
)
async def test_impossible_permissions_are_a_start_error(tokens_file: Path, rights: str, named: str) -> None:
    write_token(tokens_file, rights)
    settings = ServeSettings(cluster="c", listen="127.0.0.1:0", tokens_file=tokens_file)  # type: ignore[arg-type]
    with pytest.raises(SettingsError) as raised:
        Server(settings, ClusterState(), Metrics())
    assert str(raised.value).startswith(f"LENS_TOKENS_FILE: {tokens_file}: {named}")


@pytest.mark.parametrize("with_rights", [TEAM, "paths: [/api/v1/realtime/*]"], indirect=True)
async def test_a_caller_that_may_not_list_clusters_gets_no_names(with_rights: Api) -> None:
    unknown = await with_rights.ask(f"{TASKS.replace('prod', 'lab')}&namespace=team-a", token="t")
    assert unknown.error == (404, 4004, "Cluster not found")
    assert "clusters" not in unknown.document["meta"]
    stranger = await with_rights.ask(TASKS.replace("prod", "lab"), token="wrong")
    assert stranger.error == (401, 4001, "Unauthorized")
    assert b"prod" not in stranger.body
