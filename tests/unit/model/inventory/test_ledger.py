"""The ledger costs what changed, and keeps no memory of how things came to be."""

from collections.abc import Iterable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.pod import PodKey
from lens.model.k8s.taints import Taint, TaintPolicy
from tests.unit.model import odd
from tests.unit.model.agreement import assert_agrees
from tests.unit.model.manifests import (
    Object,
    container,
    ledger_of,
    node,
    pod,
    read_node,
    snapshot_of,
    viewed_pod,
)


class CountingPolicy(TaintPolicy):
    """Counts how many nodes are judged, so worked out."""

    def __init__(self) -> None:
        super().__init__()
        self.judged = 0

    def repels(self, taints: Iterable[Taint]) -> bool:
        self.judged += 1
        return super().repels(taints)


def test_a_change_costs_its_node_and_not_the_fleet() -> None:
    policy = CountingPolicy()
    ledger = ledger_of(*(node(f"node-{i}", "8") for i in range(500)), taints=policy)
    before = ledger.snapshot()
    assert policy.judged == 500
    view = viewed_pod(pod(container("main", "1"), node="node-7"))
    ledger.put_pod(view.key, view)
    after = ledger.snapshot()
    assert policy.judged == 501
    assert {name for name in after.nodes if after.nodes[name] is not before.nodes[name]} == {"node-7"}


def test_without_a_change_the_snapshot_is_the_same_object() -> None:
    ledger = ledger_of(node(gpus="8"), pod(container("main", "1")))
    before = ledger.snapshot()
    assert ledger.snapshot() is before
    for key, view in list(ledger.pods.items()):
        ledger.put_pod(key, view)
    for name, offered in list(ledger.nodes.items()):
        ledger.put_node(name, offered)
    assert ledger.snapshot() is before


def test_a_pod_that_moves_leaves_nothing_behind() -> None:
    # A StatefulSet's pod comes back under its name, and the deletion in between may have been missed.
    ledger = ledger_of(node("node-1", "8"), node("node-2", "8"), pod(container("main", "3"), node="node-1"))
    assert ledger.snapshot().nodes["node-1"].states.allocated == 3
    moved = viewed_pod(pod(container("main", "4"), node="node-2", metadata={"uid": "another"}))
    ledger.put_pod(moved.key, moved)
    rows = ledger.snapshot().nodes
    assert (rows["node-1"].states.allocated, rows["node-2"].states.allocated) == (0, 4)


def test_taking_out_what_was_never_there_is_nothing() -> None:
    ledger = ledger_of(node(gpus="8"))
    before = ledger.snapshot()
    ledger.put_pod(PodKey("team", "ghost"), None)
    ledger.put_node("ghost", None)
    assert ledger.snapshot() is before


def test_a_missing_node_goes_with_its_last_pod_and_comes_back_with_its_gpus() -> None:
    ledger = ledger_of(node(gpus="8"), pod(container("main", "3")))
    ledger.put_node("node-1", None)
    assert ledger.snapshot().nodes["node-1"].node is None
    assert ledger.snapshot().states.total == 0
    assert (ledger.snapshot().overcommitted, ledger.snapshot().missing_nodes) == (3, 1)
    offered = read_node(node(gpus="8"))
    ledger.put_node(offered.key, offered.value)
    assert (ledger.snapshot().states.allocated, ledger.snapshot().states.available) == (3, 5)
    assert (ledger.snapshot().overcommitted, ledger.snapshot().missing_nodes) == (0, 0)
    ledger.put_node("node-1", None)
    ledger.put_pod(PodKey("team", "train-0"), None)
    assert "node-1" not in ledger.snapshot().nodes


def test_each_snapshot_that_differs_has_the_next_number() -> None:
    ledger = Ledger(TaintPolicy())
    numbers = [ledger.snapshot().sequence]
    for gpus in ("1", "2", "2", "3"):
        offered = read_node(node(gpus=gpus))
        ledger.put_node(offered.key, offered.value)
        numbers.append(ledger.snapshot().sequence)
    assert numbers == [0, 1, 2, 2, 3]


@given(st.lists(odd.pods(), max_size=8), st.lists(odd.nodes(), max_size=4), st.randoms(use_true_random=False))
def test_the_figures_equal_a_recount_in_any_order_of_changes(
    pods: list[Object], nodes: list[Object], random: Random
) -> None:
    # Of a name there is one object at a time.
    by_name = {
        (kind, raw["metadata"].get("namespace"), raw["metadata"]["name"]): raw | {"kind": kind}
        for kind, objects in (("Pod", pods), ("Node", nodes))
        for raw in objects
    }
    for raw in by_name.values():
        raw["metadata"]["resourceVersion"] = "1"
    shuffled = list(by_name.values())
    random.shuffle(shuffled)
    assert_agrees(
        snapshot_of(*shuffled),
        (raw for raw in shuffled if raw["kind"] == "Pod"),
        (raw for raw in shuffled if raw["kind"] == "Node"),
    )
