"""Rows are kept between responses for as long as responses have them."""

import sys
from typing import Any

import msgspec

from lens.api.lists.row_cache import KEPT_SECONDS, RowCache
from lens.model.cluster_state import StateView
from lens.model.gpu.telemetry import NO_TELEMETRY, NodeTelemetry
from lens.model.inventory.objects.pod import Pod
from lens.model.shards import Shards
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, node, pod


class Rows:
    """The rows of two pods, and whose were made."""

    def __init__(self) -> None:
        cluster = Cluster()
        cluster.add(node("n1"), pod("a", "n1"), pod("b", "n1"))
        cluster.publish(NOW)
        self.current = cluster.state.current
        self.pods = {each.name: each for each in self.current.snapshot.nodes["n1"].pods}
        self.made: list[str] = []
        self.cache = RowCache(self._row, "seconds", lambda _: 100)

    def _row(self, pod: Pod, _current: StateView, _now: int) -> dict[str, Any]:
        self.made.append(pod.name)
        return {"name": pod.name, "seconds": 0}

    def see(self, telemetry: NodeTelemetry) -> None:
        """Let the node have this telemetry from now on."""
        nodes = Shards[str, NodeTelemetry]().updated({"n1": telemetry})
        seen = msgspec.structs.replace(NO_TELEMETRY, nodes=nodes)
        self.current = msgspec.structs.replace(self.current, telemetry=seen)

    def at(self, second: int, *names: str) -> None:
        """Ask for the rows of some pods."""
        found = self.cache.encode([self.pods[name] for name in names], self.current, 2, second)
        rows = (b'{"name":"%b","seconds":%d}' % (name.encode(), max(0, second - 100)) for name in names)
        assert found == b",".join(rows)


def test_a_row_that_responses_have_is_made_once() -> None:
    rows = Rows()
    for second in range(0, 20 * KEPT_SECONDS, KEPT_SECONDS // 2):
        rows.at(second, "a", "b")
    assert rows.made == ["a", "b"]


def test_a_row_that_no_response_has_is_dropped() -> None:
    rows = Rows()
    rows.at(0, "a", "b")
    for second in range(KEPT_SECONDS, 4 * KEPT_SECONDS, KEPT_SECONDS):
        rows.at(second, "b")
    rows.at(4 * KEPT_SECONDS, "a")
    assert rows.made == ["a", "b", "a"]


def test_a_row_that_is_made_anew_keeps_nothing_of_the_one_before() -> None:
    """Thousands of rows would keep the telemetry of two minutes ago."""
    rows = Rows()
    before = NodeTelemetry("n1", "agent", NOW)
    references = sys.getrefcount(before)
    rows.see(before)
    rows.at(0, "a", "b")
    rows.see(NodeTelemetry("n1", "agent", NOW + 15))
    rows.at(KEPT_SECONDS, "a")
    # As the last row of b, which a response may have again.
    assert sys.getrefcount(before) == references + 1
    rows.at(KEPT_SECONDS, "b")
    assert sys.getrefcount(before) == references


def test_a_clock_that_is_set_back_drops_none_that_responses_have() -> None:
    rows = Rows()
    for second in (10 * KEPT_SECONDS, 0, 5 * KEPT_SECONDS, 1):
        rows.at(second, "a")
    assert rows.made == ["a"]
