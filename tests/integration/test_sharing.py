"""Four Lenses that share a cluster by a label of its nodes, summed by one of them, are one Lens."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lens_sim.apiserver.apiserver import SimApiServer
from lens_sim.cluster.fleet import Fleet
from lens_sim.objects import resources
from lens_sim.objects.store import Store
from tests.integration.operator import LISTENING, Command, environment, get, wait_for
from tests.integration.served import served

TOKEN = "token-of-a-test"
LABEL = "example.com/lens"
SHARES = {
    "rest": ",".join(f"{LABEL}!={name}" for name in ("east", "west", "south")),
    "east": f"{LABEL}=east",
    "west": f"{LABEL}=west",
    "south": f"{LABEL}=south",
}


@pytest.fixture
def store() -> Store:
    """Return a cluster that hands out GPUs in all ways, whose nodes are labelled, but for a quarter."""
    store = Store(1)
    fleet = Fleet(store, datetime.now(UTC), nodes=24, seed=7, mixed=True)
    for number, node in enumerate(fleet.nodes):
        if (share := ("east", "west", "south", None)[number % 4]) is not None:
            label(store, node.name, share)
    return store


def label(store: Store, node: str, share: str) -> None:
    """Give a node to a Lens."""
    found = store.get(resources.NODES, node)
    assert found is not None
    found["metadata"].setdefault("labels", {})[LABEL] = share
    store.put(resources.NODES, found, datetime.now(UTC))


@pytest.fixture
def kubeconfig(store: Store, tmp_path: Path) -> Iterator[Path]:
    """Serve it."""
    server = SimApiServer(store, TOKEN)
    server.serve("v1")
    with served(server, TOKEN, tmp_path / "kubeconfig") as path:
        yield path


def figures(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the sums of a summary."""
    names = ("current_gpu_usage", "running_tasks", "available_resources", "products", "gpu_nodes", "coverage")
    return {name: summary[name] for name in names}


@pytest.mark.slow
def test_their_sum_is_what_one_lens_says(store: Store, kubeconfig: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:

        def started(name: str, **settings: str) -> str:
            env = environment(
                cluster=name, listen="127.0.0.1:0", auth="none", kubeconfig=str(kubeconfig), **settings
            )
            lens = stack.enter_context(Command(["serve"], tmp_path / f"{name}.log", env, forked=True))
            return f"http://{lens.wait_for_match(LISTENING)[1]}"

        shares = {name: started(name, node_labels=SHARES[name]) for name in ("east", "west", "south")}
        peers = tmp_path / "peers.yaml"
        peers.write_text(json.dumps({"peers": [{"name": name, "url": url} for name, url in shares.items()]}))
        hub = started("rest", node_labels=SHARES["rest"], peers=str(peers), peers_identity="caller")
        one = started("whole")

        def summary(url: str) -> dict[str, Any]:
            found: dict[str, Any] = get(f"{url}/api/v1/realtime/summary")[1]["data"]
            return found

        def are_equal() -> bool:
            summed = summary(hub)
            whole = summary(one)
            return len(summed["clusters"]) == 4 and figures(summed) == figures(whole)

        for url in (*shares.values(), hub, one):
            wait_for(lambda url=url: get(f"{url}/readyz")[0] == 200, "readiness")  # type: ignore[misc]
        wait_for(are_equal, f"{figures(summary(hub))} is {figures(summary(one))}")
        assert summary(one)["current_gpu_usage"]["total_gpus"] == 24 * 8
        of_each = [each["current_gpu_usage"]["total_gpus"] for each in summary(hub)["clusters"]]
        assert of_each == [6 * 8] * 4

        # A node that goes from one to another is counted once, and so are its pods.
        names = [revision.key for revision in store.snapshot(resources.NODES)]
        for name, share in zip(names, ("south", "west", "east", "west"), strict=False):
            label(store, name, share)
        wait_for(are_equal, "the sum after nodes were labelled anew")
        store.delete(resources.NODES, names[2])
        wait_for(lambda: summary(one)["current_gpu_usage"]["total_gpus"] < 24 * 8, "the deletion")
        wait_for(are_equal, f"{figures(summary(hub))} is {figures(summary(one))}")
