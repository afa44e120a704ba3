"""The products that ``top`` draws keep to the terminal, whatever the cluster and the terminal are."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from lens_client.commands import nodes
from lens_client.output import text
from lens_client.output.terminal import Terminal
from lens_client.screen.draw import draw
from lens_client.screen.state import NODE_FIELDS, NODE_ORDERS, State
from lens_client.views.nodes import NODES

STATES = ("allocated", "available", "unhealthy", "unavailable")
GPUS = st.sampled_from((0, 1, 4, 8, 512, 100_000))
SHOWN = tuple(column for column in NODES.columns if not column.wide)


def product(name: str, *gpus: int) -> dict[str, Any]:
    """Return a product of the stream's figures; its GPUs are those of the four states."""
    return {"product": name, "reason": None, "total": sum(gpus), **dict(zip(STATES, gpus, strict=True))}


def drawn(products: list[dict[str, Any]], columns: int, lines: int = 24) -> list[str]:
    """Return the screen of a cluster with these products."""
    figures = {
        "current_gpu_usage": {"total_gpus": sum(each["total"] for each in products)},
        "gpu_states": dict.fromkeys(STATES, 0),
        "telemetry": {"utilization_rate": None},
        "pending": {"pods": 0},
        "products": products,
    }
    state = State(nodes.SECTION, NODE_FIELDS, NODE_ORDERS)
    snapshot = {"cluster": "prod", "timestamp": "2026-11-29T16:00:00Z", "status": figures, "nodes": []}
    state.apply("snapshot", snapshot, None)
    terminal = Terminal(is_terminal=True, columns=columns, lines=lines, unicode=True)
    return draw(state, SHOWN, "prod", terminal)


@given(
    st.lists(st.tuples(st.text(max_size=40), GPUS, GPUS, GPUS, GPUS), max_size=4),
    st.integers(1, 200),
    st.integers(1, 30),
)
@example([("NVIDIA-H100-80GB-HBM3", 512, 0, 0, 0), ("NVIDIA-A100-SXM4-80GB", 4, 4, 0, 0)], 80, 24)
@example([("NVIDIA-H100-80GB-HBM3", 512, 0, 0, 0), ("NVIDIA-A100-SXM4-80GB", 4, 4, 0, 0)], 20, 24)
def test_no_line_is_wider_than_the_terminal(
    rows: list[tuple[str, int, int, int, int]], columns: int, lines: int
) -> None:
    found = drawn([product(*row) for row in rows], columns, lines)
    assert len(found) <= max(lines, 1)
    assert [line for line in found[1 : 1 + len(rows)] if text.width(line) > columns] == []


def test_each_state_of_a_small_product_is_seen_beside_a_large_one() -> None:
    found = drawn([product("H100", 512, 0, 0, 0), product("A100", 4, 4, 0, 0)], 40)
    assert found[1].split() == ["H100", "■" * 26, "512/512"]
    assert found[2].split() == ["A100", "■□", "4/8"]
