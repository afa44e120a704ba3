"""Who is used to kubectl types what kubectl takes."""

import json
from collections.abc import Iterator

import pytest
import yaml

from lens_client import __version__
from tests.contract.client import cluster, lens
from tests.contract.client.running import run


@pytest.fixture(scope="module")
def server() -> Iterator[lens.FakeLens]:
    """Run one server for all tests."""
    with lens.running() as found:
        yield found


@pytest.mark.parametrize("command", ["nodes", "gpu gpu-node-1", "namespaces", "version"])
def test_what_is_in_no_namespace_ignores_one(server: lens.FakeLens, command: str) -> None:
    """As `kubectl get nodes -A` does."""
    without = run(server.url, command.split())
    assert without.status == 0
    for given in ("-A", "-n research", "--all-namespaces", "--namespace=research"):
        assert run(server.url, [*command.split(), *given.split()]) == without, given


@pytest.mark.parametrize(
    ("clusters", "told"),
    [((cluster.NAME, "west"), f": --cluster may be {cluster.NAME}, west"), ((), ""), (("a\nb",), "")],
)
def test_an_unknown_cluster_is_told_which_there_are(
    server: lens.FakeLens, clusters: tuple[str, ...], told: str
) -> None:
    """As kubectl lists the contexts of a kubeconfig."""
    server.clusters = clusters
    try:
        refused = run(server.url, ["nodes", "--cluster", "prod"])
    finally:
        server.clusters = (cluster.NAME,)
    assert (refused.status, refused.stdout) == (1, "")
    assert refused.stderr == f"kubectl lens: Lens at {server.url}: Cluster not found{told}\n"


def test_the_versions_are_a_document_too(server: lens.FakeLens) -> None:
    """A script reads which Lens it asks."""
    versions = {"client": __version__, "lens": "0.1.0"}
    assert json.loads(run(server.url, ["version", "-o", "json"]).stdout) == versions
    assert yaml.safe_load(run(server.url, ["version", "-o", "yaml"]).stdout) == versions
    client = run(server.url, ["version", "--client", "-o", "jsonpath={.client}"])
    assert (client.stdout, client.status) == (__version__, 0)


def test_the_status_says_how_often_fit_was_right(server: lens.FakeLens) -> None:
    """Who asks whether a job fits wants to know what the answer is worth."""
    _, status = server.answer(f"{lens.REALTIME}/status", {}, namespaced=False)
    path = f"{lens.REALTIME}/status"
    since = cluster.TIMESTAMP
    try:
        for record, said in (
            (
                {"right": 97, "wrong": 1, "abstained": 3, "since": since},
                f"The scheduler did what fit says with 97 of 98 pending pods since {since}; 3 couldn't be "
                "compared.",
            ),
            (
                {"right": 1, "wrong": 0, "abstained": 0, "since": since},
                f"The scheduler did what fit says with 1 of 1 pending pod since {since}.",
            ),
        ):
            server.answers[path] = (200, {**status, "fit_record": record})
            assert said in run(server.url, ["status"]).stderr.splitlines()
        server.answers[path] = (200, {**status, "fit_record": {**record, "right": 0}})
        assert "fit says" not in run(server.url, ["status"]).stderr
    finally:
        del server.answers[path]


def test_the_status_of_a_cluster_without_gpus_says_so(server: lens.FakeLens) -> None:
    """0 % of no GPUs is no telemetry's fault."""
    _, status = server.answer(f"{lens.REALTIME}/status", {}, namespaced=False)
    usage = {**status["current_gpu_usage"], "total_gpus": 0}
    empty = {**status, "current_gpu_usage": usage, "telemetry": {**status["telemetry"], "coverage": 0.0}}
    server.answers[f"{lens.REALTIME}/status"] = (200, empty)
    try:
        notes = run(server.url, ["status"]).stderr.splitlines()
    finally:
        server.answers.clear()
    assert "Lens counts no GPUs in this cluster." in notes
    assert [line for line in notes if "Utilization is known" in line] == []


@pytest.mark.parametrize(
    ("held", "said"), [(0, None), (1, "1 allocated GPU of"), (12, "12 allocated GPUs of")]
)
def test_the_status_says_where_the_gpus_of_no_node_are_seen(
    server: lens.FakeLens, held: int, said: str | None
) -> None:
    """No row of a node has them."""
    _, status = server.answer(f"{lens.REALTIME}/status", {}, namespaced=False)
    no_node = [{**cluster.NODES[0]["resources"][0], "resource": "fabric.example.com", "allocated": held}]
    server.answers[f"{lens.REALTIME}/status"] = (
        200,
        {**status, "dra": {**status["dra"], "no_node": no_node}},
    )
    try:
        notes = run(server.url, ["status"]).stderr.splitlines()
    finally:
        server.answers.clear()
    found = [line for line in notes if "of no single node" in line]
    assert found == ([] if said is None else [f"{said} no single node: kubectl lens gpu --no-node"])
