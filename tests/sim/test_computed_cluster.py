"""The computed cluster of `make size`: pages, lines and totals agree, however many changes there were."""

import json

import pytest

from tests.bench.size.fleet import FIRST_VERSION, MOVING, Fleet

NODES = 40


def parsed(fleet: Fleet, changes: int) -> dict[str, int]:
    """Return the GPUs of the pods that a list has, by name."""
    pods = [json.loads(body) for body in fleet.listed(0, fleet.pods, changes)]
    return {pod["metadata"]["name"]: requested(pod) for pod in pods}


def requested(pod: dict[str, object]) -> int:
    """Return the GPUs that a pod requests."""
    spec = pod["spec"]
    assert isinstance(spec, dict)
    return int(spec["containers"][0]["resources"]["limits"].get("nvidia.com/gpu", 0))


@pytest.mark.parametrize("layers", [1, 3])
def test_lists_are_what_the_lines_before_them_make(layers: int) -> None:
    fleet = Fleet(NODES, 4 * NODES, layers * NODES)
    held = parsed(fleet, 0)
    assert len(held) == 4 * NODES
    for change in range(1, 3 * fleet.moving + 5):
        line = json.loads(fleet.line(change))
        name, version = line["object"]["metadata"]["name"], line["object"]["metadata"]["resourceVersion"]
        assert int(version) == FIRST_VERSION + change
        if line["type"] == "DELETED":
            assert held.pop(name) == requested(line["object"])
        else:
            assert held.setdefault(name, gpus := requested(line["object"])) == gpus
        if change % 17 == 0:
            assert parsed(fleet, change) == held
            totals = fleet.totals(change)
            assert totals.allocated == sum(held.values())
            assert totals.tasks == sum(1 for gpus in held.values() if gpus)


def test_of_a_large_cluster_pods_of_all_nodes_move() -> None:
    fleet = Fleet(30_000, 60_000, 30_000)
    nodes = {json.loads(fleet.line(change))["object"]["spec"]["nodeName"] for change in range(1, MOVING + 1)}
    assert len(nodes) == MOVING
    assert max(nodes) > "node-0027000"


def test_no_node_has_more_pods_than_gpus() -> None:
    with pytest.raises(ValueError, match="81 pods with GPUs on 9 nodes"):
        Fleet(9, 100, 81)
