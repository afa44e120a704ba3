"""The nodes of a fleet are shared with its successors, piece by piece."""

from random import Random

import pytest

from lens.model.fit.fleet_node import FleetNode
from lens.model.fit.fleet_nodes import PIECE_NODES, FleetNodes
from lens.model.fit.spec.node import Gate
from tests.unit.model.fit import fleets

GATE = Gate(False, ())


def node(number: int, free: int = 8) -> FleetNode:
    return FleetNode(f"n{number:06}", {}, GATE, frozenset(), {"gpu": 8}, {"gpu": free}, free, {})


@pytest.mark.parametrize("seed", range(5))
def test_they_are_sorted_whatever_came_and_went(seed: int) -> None:
    random = Random(seed)
    nodes, model = FleetNodes(), dict[str, FleetNode]()
    for _ in range(60):
        changes: dict[str, FleetNode | None] = {}
        for number in random.choices(range(3 * PIECE_NODES), k=random.choice((1, 5, 2 * PIECE_NODES))):
            changes[node(number).name] = node(number, random.randrange(9)) if random.random() < 0.7 else None
        nodes = nodes.updated(changes)
        model = {name: each for name, each in {**model, **changes}.items() if each is not None}
        assert list(nodes) == [model[name] for name in sorted(model)]
        assert len(nodes) == len(model)
        assert all(nodes.get(name) is model.get(name) for name in changes)
        assert nodes.joined(lambda piece: piece.free("gpu")) == [each.free["gpu"] for each in nodes]
        assert nodes.joined(lambda piece: piece.free_pods) == [each.free_pods for each in nodes]


@pytest.mark.parametrize("count", [1_000, 30_000])
def test_a_change_makes_one_piece_anew_in_a_fleet_of_any_size(count: int) -> None:
    before = FleetNodes.of(node(number) for number in range(count))
    after = before.updated({node(count // 2).name: node(count // 2, 0)})
    assert [piece for piece in after.pieces if piece not in before.pieces] != []
    assert sum(piece not in before.pieces for piece in after.pieces) == 1
    assert max(len(piece.nodes) for piece in after.pieces) < 2 * PIECE_NODES


def test_nodes_that_come_and_go_leave_no_small_pieces() -> None:
    nodes = FleetNodes.of(node(number) for number in range(20 * PIECE_NODES))
    nodes = nodes.updated({node(number).name: None for number in range(20 * PIECE_NODES) if number % 64})
    assert len(nodes) == 20 * PIECE_NODES // 64
    assert len(nodes.pieces) <= 8


def test_a_pod_on_an_unknown_node_leaves_all_pieces_as_they_are() -> None:
    state = fleets.state([fleets.node(f"n{number}") for number in range(10)])
    before = state.fleet()
    state.put_pod(("default", "lost"), fleets.read_pod(fleets.pod(1, nodeName="nowhere")))
    after = state.fleet()
    assert after is not before
    assert list(after.shared.pieces) == list(before.shared.pieces)
