"""Telemetry's sums are a recount's, whatever came, went, aged or is disputed; a change costs what changed."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from lens.model.gpu.telemetry import (
    NO_TELEMETRY,
    GpuTelemetry,
    NodeTelemetry,
    Telemetry,
    TelemetryTotals,
)
from lens.model.gpu.telemetry_cache import TOO_OLD, TelemetryCache
from tests.profiles import full_or
from tests.unit.telemetry.made import gpu, holder, node

STALE, UNKNOWN = 30.0, 60.0


def ledger() -> TelemetryCache:
    return TelemetryCache(stale_after=STALE, unknown_after=UNKNOWN)


def test_gpus_over_half_busy_are_utilized_and_the_rate_is_the_mean_of_those_that_report() -> None:
    known = ledger()
    gpus = [gpu(f"GPU-{percent}", percent) for percent in (0.0, 50.0, 50.1, 100.0, None)]
    known.put("node-1", node("node-1", *gpus), 100)
    telemetry = known.snapshot()
    assert telemetry.sums == TelemetryTotals(gpus=5, reporting=4, utilized=2, hundredths=20010, ok_nodes=1)
    assert telemetry.utilization_percent == 50.0


def test_without_a_report_the_rate_is_unknown_and_not_zero() -> None:
    assert NO_TELEMETRY.utilization_percent is None
    known = ledger()
    known.put("node-1", node("node-1", gpu(percent=None)), 100)
    assert known.snapshot().utilization_percent is None


def test_a_sample_is_shown_as_stale_and_then_counts_no_more() -> None:
    known = ledger()
    known.put("node-1", node("node-1", gpu(), holders=(holder(),)), 100)

    def at(now: float) -> Telemetry:
        known.age(now)
        return known.snapshot()

    assert at(129.9).nodes["node-1"].state == "ok"
    stale = at(130)
    assert stale.nodes["node-1"].state == "stale"
    assert stale.sums == TelemetryTotals(gpus=1, reporting=1, utilized=1, hundredths=8000, stale_nodes=1)
    unknown = at(160)
    assert unknown.sums == TelemetryTotals(gpus=1, unknown_nodes=1)
    (shown,) = unknown.nodes["node-1"].gpus
    assert (shown.uuid, shown.product, shown.health.state) == ("GPU-1", "NVIDIA H100 80GB HBM3", "unknown")
    assert shown.utilization_percent is shown.memory_used_bytes is shown.power_watts is None
    assert shown.reasons["utilization_percent"] == TOO_OLD
    assert (unknown.nodes["node-1"].holders, unknown.nodes["node-1"].claimed) == (None, None)


def test_a_sample_ages_on_when_the_clock_is_set_back() -> None:
    known = ledger()
    known.put("node-1", node("node-1", gpu(at=9990), at=9990), 10_000)

    def state_at(now: float) -> str:
        known.age(now)
        return known.snapshot().nodes["node-1"].state

    assert state_at(6400) == "ok"
    shown = known.snapshot().nodes["node-1"]
    assert (shown.sampled_at, shown.gpus[0].sampled_at) == (6390, 6390)
    assert [state_at(now) for now in (6419.9, 6420, 6449.9, 6450)] == ["ok", "stale", "stale", "unknown"]
    # A new sample of another node tells as well that the clock was set back.
    known.put("node-2", node("node-2", gpu("GPU-2", at=6450), at=6450), 6450)
    known.put("node-1", node("node-1", gpu(at=100), at=100), 100)
    assert state_at(100) == "ok"
    assert known.snapshot().nodes["node-2"].sampled_at == 100
    assert state_at(130) == "stale"
    assert known.snapshot().nodes["node-2"].state == "stale"


def test_a_clock_that_is_adjusted_a_little_moves_no_sample() -> None:
    known = ledger()
    known.put("node-1", node("node-1", gpu(at=90), at=90), 100)
    before = known.snapshot()
    known.age(99.5)
    assert known.snapshot() is before


def test_a_sample_that_is_renewed_never_ages() -> None:
    known = ledger()
    for now in range(100, 1000, 15):
        known.age(now)
        known.put("node-1", node("node-1", gpu(at=now), at=now), now)
        assert known.snapshot().nodes["node-1"].state == "ok"


def test_an_agent_that_answers_but_no_longer_samples_ages_all_the_same() -> None:
    known = ledger()
    states = []
    for now in (100, 140, 170):
        known.put("node-1", node("node-1", gpu(at=100), at=100), now)
        states.append(known.snapshot().nodes["node-1"].state)
    assert states == ["ok", "stale", "unknown"]


def test_one_gpu_that_has_long_been_silent_counts_no_more_though_the_others_do() -> None:
    known = ledger()
    known.put("node-1", node("node-1", gpu("GPU-1", at=100), gpu("GPU-2", at=200), at=200), 200)
    telemetry = known.snapshot()
    assert (telemetry.sums.gpus, telemetry.sums.reporting) == (2, 1)
    assert telemetry.nodes["node-1"].gpus[0].reasons["utilization_percent"] == TOO_OLD


def test_trouble_is_named_at_once_and_what_was_known_ages() -> None:
    known = ledger()
    known.put("node-1", node("node-1", gpu()), 100)
    known.put_problem("node-1", "agent", "wrong token", 115)
    shown = known.snapshot().nodes["node-1"]
    assert (shown.state, shown.problem, shown.gpus) == ("ok", "wrong token", (gpu(),))
    known.age(160)
    assert known.snapshot().nodes["node-1"].state == "unknown"
    assert known.snapshot().nodes["node-1"].problem == "wrong token"
    known.put("node-1", node("node-1", gpu(at=161), at=161), 161)
    assert known.snapshot().nodes["node-1"].problem is None


def test_a_node_that_was_never_read_is_unknown_and_says_why() -> None:
    known = ledger()
    known.put_problem("node-1", "dcgm", "connection refused", 100)
    shown = known.snapshot().nodes["node-1"]
    assert (shown.state, shown.problem, shown.source, shown.gpus) == (
        "unknown",
        "connection refused",
        "dcgm",
        (),
    )


def test_a_gpu_that_two_nodes_claim_counts_for_neither_and_both_say_so() -> None:
    known = ledger()
    mine, theirs = gpu("GPU-1", 100.0), gpu("GPU-1", 0.0)
    known.put("node-1", node("node-1", mine, gpu("GPU-2"), holders=(holder(),)), 100)
    assert known.contested("node-1") == []
    known.put("node-2", node("node-2", theirs, problem="kubelet missing"), 100)
    telemetry = known.snapshot()
    assert known.contested("node-1") == known.contested("node-2") == ["GPU-1"]
    assert telemetry.sums == TelemetryTotals(gpus=1, reporting=1, utilized=1, hundredths=8000, ok_nodes=2)
    first, second = telemetry.nodes["node-1"], telemetry.nodes["node-2"]
    assert [each.uuid for each in first.gpus] == ["GPU-2"]
    assert first.holders == ()
    assert first.problem == "GPU-1 is claimed by node-2 too"
    assert second.gpus == ()
    assert second.problem == "kubelet missing; GPU-1 is claimed by node-1 too"


def test_a_gpu_is_its_nodes_again_once_the_other_lets_go_of_it() -> None:
    known = ledger()
    known.put("node-1", node("node-1", gpu()), 100)
    for letting_go in ("gone", "other GPUs", "silent"):
        known.put("node-2", node("node-2", gpu()), 100)
        assert known.snapshot().sums.gpus == 0
        if letting_go == "gone":
            known.put("node-2", None, 101)
        elif letting_go == "other GPUs":
            known.put("node-2", node("node-2"), 101)
        else:
            known.put("node-1", node("node-1", gpu(at=159), at=159), 159)
            known.age(160)
        shown = known.snapshot().nodes["node-1"]
        assert [each.uuid for each in shown.gpus] == ["GPU-1"], letting_go
        assert shown.problem is None


def test_a_node_that_is_taken_out_leaves_nothing_behind() -> None:
    known = ledger()
    known.put("node-1", node("node-1", gpu()), 100)
    known.put("node-1", None, 101)
    telemetry = known.snapshot()
    assert telemetry.sums == TelemetryTotals()
    assert dict(telemetry.nodes) == {}
    known.age(1000)
    assert known.snapshot() is telemetry


def test_a_change_costs_its_node_and_not_the_fleet() -> None:
    known = ledger()
    for number in range(500):
        known.put(f"node-{number}", node(f"node-{number}", gpu(f"GPU-{number}")), 100)
    before = known.snapshot()
    known.put("node-7", node("node-7", gpu("GPU-7", 1.0)), 101)
    after = known.snapshot()
    assert after.sequence == before.sequence + 1
    assert {name for name in after.nodes if after.nodes[name] is not before.nodes[name]} == {"node-7"}


def test_without_a_change_the_snapshot_is_the_same_object() -> None:
    known = ledger()
    known.put("node-1", node("node-1", gpu()), 100)
    before = known.snapshot()
    known.put("node-1", node("node-1", gpu()), 110)
    known.age(129)
    assert known.snapshot() is before


NODES = st.sampled_from([f"node-{number}" for number in range(4)])
GPUS = st.dictionaries(
    st.sampled_from([f"GPU-{number}" for number in range(6)]),
    st.none() | st.decimals(0, 100, places=2).map(float),
    max_size=4,
)


def test_many_changed_nodes_are_published_a_few_at_a_time() -> None:
    known = ledger()
    for number in range(10):
        known.put(f"node-{number}", node(f"node-{number}", gpu(f"GPU-{number}", 100.0)), 100)
    shown = []
    while known.is_behind:
        telemetry = known.snapshot(4)
        shown.append(len(telemetry.nodes))
        assert telemetry.sums.ok_nodes == len(telemetry.nodes)
    assert shown == [4, 8, 10]
    assert known.snapshot(4) is telemetry


class AgainstARecount(RuleBasedStateMachine):
    """Let nodes tell, fall silent, lie and go; count all over again after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.ledger = ledger()
        self.told: dict[str, tuple[float, dict[str, float | None]]] = {}

    @rule(name=NODES, gpus=GPUS, age=st.integers(0, 70))
    def tell(self, name: str, gpus: dict[str, float | None], age: int) -> None:
        at = self.now - age
        told = [gpu(uuid, percent, at=at) for uuid, percent in gpus.items()]
        self.ledger.put(name, node(name, *told, at=at), self.now)
        self.told[name] = (at, gpus)

    @rule(name=NODES)
    def fail(self, name: str) -> None:
        self.ledger.put_problem(name, "agent", "unreachable", self.now)
        self.told.setdefault(name, (float("-inf"), {}))

    @rule(name=NODES)
    def go(self, name: str) -> None:
        self.ledger.put(name, None, self.now)
        self.told.pop(name, None)

    @rule(seconds=st.integers(0, 40))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.ledger.age(self.now)

    @invariant()
    def the_sums_are_a_recounts(self) -> None:
        self.ledger.age(self.now)
        telemetry = self.ledger.snapshot()
        heard = {name: gpus for name, (at, gpus) in self.told.items() if self.now - at < UNKNOWN}
        owners: dict[str, int] = {}
        for gpus in heard.values():
            for uuid in gpus:
                owners[uuid] = owners.get(uuid, 0) + 1
        percents = [
            percent
            for gpus in heard.values()
            for uuid, percent in gpus.items()
            if owners[uuid] == 1 and percent is not None
        ]
        sums = telemetry.sums
        assert sums.reporting == len(percents)
        assert sums.utilized == len([percent for percent in percents if percent > 50])
        assert abs(sums.hundredths / 100 - sum(percents)) < 1e-6
        assert sums.unknown_nodes == len(self.told) - len(heard)
        assert sums.stale_nodes == len([name for name in heard if self.now - self.told[name][0] >= STALE])
        assert sums.ok_nodes + sums.stale_nodes + sums.unknown_nodes == len(telemetry.nodes) == len(self.told)
        shown: list[GpuTelemetry] = [each for told in telemetry.nodes.values() for each in told.gpus]
        assert sums.gpus == len(shown)
        assert (
            len([each for each in shown if owners.get(each.uuid or "", 0) > 1 and each.utilization_percent])
            == 0
        )


TestAgainstARecount = AgainstARecount.TestCase
TestAgainstARecount.settings = settings(max_examples=full_or(15, 60), stateful_step_count=full_or(10, 25))


def test_who_holds_what_is_kept_once_while_it_does_not_change() -> None:
    known = ledger()

    def put(moment: int, pod: str) -> NodeTelemetry:
        known.put("node-1", node("node-1", gpu(), holders=(holder(pod=pod),), claimed=()), moment)
        return known.snapshot().nodes["node-1"]

    first, second, third = put(100, "a"), put(115, "a"), put(130, "b")
    assert second.holders is first.holders
    assert third.holders == (holder(pod="b"),)
    known.put("node-1", node("node-1", gpu(), holders=None, claimed=None), 145)
    assert known.snapshot().nodes["node-1"].holders is None
    assert known.snapshot().nodes["node-1"].claimed is None
