"""A driver that starts publishes its pools again, each under a new generation. Most are as they were."""

from typing import Any

import pytest

from lens.model.inventory.ledger import Ledger
from tests.unit.model.dra_manifests import claim, cluster, gpu, read_slice, resource_slice, result
from tests.unit.model.manifests import Object, node

TWO = (gpu(0), gpu(1))


def _shows(ledger: Ledger, raw: Object) -> bool:
    return ledger.put_slice(raw["metadata"]["name"], read_slice(raw))


def test_a_pool_that_is_as_it_was_shows_nothing() -> None:
    ledger = cluster(node(), resource_slice(*TWO), claim(result("gpu-0")))
    before = ledger.snapshot()
    for generation in (2, 3, 1):
        assert not _shows(ledger, resource_slice(*TWO, generation=generation))
        assert ledger.slices["node-1-a"].generation == generation
        assert ledger.snapshot() is before


@pytest.mark.parametrize(
    "after",
    [
        {"devices": [gpu(0)]},
        {"devices": [gpu(1), gpu(2)]},
        {"devices": [gpu(0, taints=("hot:NoSchedule",)), gpu(1)]},
        {"node": "node-2"},
        {"pool": "other"},
        {"count": 2},
        {"counters": {"gpu-0": {"memory": "80Gi"}}},
        {"devices": [*TWO, {"name": 7}]},
    ],
)
def test_one_that_is_another_shows(after: dict[str, Any]) -> None:
    ledger = cluster(node(), node("node-2"), resource_slice(*TWO))
    ledger.snapshot()
    raw = resource_slice(*after.pop("devices", TWO), generation=2, **after)
    assert _shows(ledger, raw)
    assert ledger.snapshot().nodes == cluster(node(), node("node-2"), raw).snapshot().nodes


def test_one_that_is_not_counted_yet_may_show() -> None:
    ledger = cluster(node(), resource_slice(*TWO))
    assert _shows(ledger, resource_slice(*TWO, generation=2))


def test_the_generation_of_a_pool_with_a_problem_shows() -> None:
    ledger = cluster(node(), resource_slice(*TWO, count=2))
    ledger.snapshot()
    assert _shows(ledger, resource_slice(*TWO, count=2, generation=2))
    assert [each.generation for each in ledger.snapshot().problems.pools] == [2]


@pytest.mark.parametrize(("older", "newest"), [(2, "a"), (4, "b")])
def test_its_generation_counts_for_slices_that_come_later(older: int, newest: str) -> None:
    ledger = cluster(node(), resource_slice(gpu(0), name="a"))
    ledger.snapshot()
    assert not _shows(ledger, resource_slice(gpu(0), name="a", generation=3))
    assert _shows(ledger, resource_slice(gpu(1), name="b", generation=older))
    assert [each.gpu.name for each in ledger.snapshot().nodes["node-1"].gpus] == [
        {"a": "gpu-0", "b": "gpu-1"}[newest]
    ]
    # With another slice the generation decides which of them counts.
    assert _shows(ledger, resource_slice(gpu(0), name="a", generation=5))
    assert [each.gpu.name for each in ledger.snapshot().nodes["node-1"].gpus] == ["gpu-0"]
