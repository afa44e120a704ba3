"""A defect of Lens' own, on the way from an answer to a snapshot, costs one reading of one target."""

from collections import Counter

import pytest

from lens.concurrency.supervisor import RestartDelays, Supervisor
from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from tests.integration.telemetry import server
from tests.integration.telemetry.scene import Scene


class FaultyLedger(TelemetryCache):
    """A ledger with a defect that one node's samples, or its problems too, bring out; until it is mended."""

    def __init__(self, node: str) -> None:
        super().__init__(stale_after=60.0, unknown_after=120.0)
        self.node = node
        self.takes_problems = True
        self.mended = False
        self.failures = 0

    def put(self, node: str, telemetry: NodeTelemetry | None, now: float) -> None:
        is_problem = telemetry is not None and telemetry.problem is not None
        if node == self.node and not self.mended and not (is_problem and self.takes_problems):
            self.failures += 1
            raise ZeroDivisionError("a defect")
        super().put(node, telemetry, now)


@pytest.mark.parametrize("takes_problems", [True, False])
async def test_a_target_whose_sample_cannot_be_filed_is_read_again(
    scene: Scene, takes_problems: bool
) -> None:
    ledger = FaultyLedger("node-1")
    ledger.takes_problems = takes_problems
    await scene.serve("node-1", server.agent("node-1", 80.0))
    await scene.serve("node-2", server.agent("node-2", 80.0))
    await scene.start(ledger)
    await scene.until(lambda: ledger.failures >= 3, "the target is read again and again")
    assert scene.refusals("defect") >= 2
    assert scene.node("node-2").state == "ok"
    if takes_problems:
        await scene.until(lambda: scene.node().problem == "could not be read", "the node says that")
    ledger.mended = True
    await scene.until(lambda: scene.node().state == "ok", "what it tells is shown once it can be filed")
    assert scene.node().problem is None


async def test_snapshots_go_on_after_one_that_could_not_be_passed_on(scene: Scene) -> None:
    failures: Counter[str] = Counter()
    supervisor = Supervisor(
        lambda job, count: failures.update({job: count}), RestartDelays(first=0.05, longest=0.1)
    )
    scene.refuse_snapshots = 2
    await scene.serve("node-1", server.agent("node-1", 80.0))
    await scene.start(supervisor=supervisor)
    await scene.until(lambda: scene.node().state == "ok", "a snapshot is passed on")
    assert failures == {"telemetry": 2}
