"""KAI-Scheduler's fractions: a GPU counts once, its users are the tasks, odd annotations cost nobody."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lens.model.gpu.telemetry import NodeTelemetry
from lens.model.inventory.decoding.kinds import pod_decoder
from lens.model.inventory.objects.fraction import Fraction
from lens.model.inventory.objects.pod import Pod
from lens.model.inventory.objects.pod_key import PodKey
from lens.model.inventory.occupancy.pod_usage import SHARED, usage
from lens.model.k8s.bounds import MAX_GPU_GROUPS
from lens.model.k8s.gpu_resources import GpuResources
from tests import recount_kai
from tests.profiles import full_or
from tests.unit.model.agreement import assert_agrees
from tests.unit.model.manifests import GPU, Object, container, ledger_of, node, pod, snapshot_of, viewed_pod
from tests.unit.model.manifests import read_pod as read
from tests.unit.telemetry import made

KAI = "kai-resource-reservation"
GROUP = "runai-gpu-group"


def reservation(name: str, *groups: str, on: str = "node-1", **fields: Any) -> Object:
    labels = {GROUP: groups[0], **{f"{GROUP}/{each}": each for each in groups[1:]}} if groups else {}
    metadata = {"namespace": KAI, "labels": labels}
    return pod(container(gpus=1), name=name, node=on, namespace=KAI, metadata=metadata, **fields)


def sharing(
    name: str, *groups: str, on: str | None = "node-1", asks: dict[str, Any] | None = None, **fields: Any
) -> Object:
    labels = {f"{GROUP}/{each}": each for each in groups} if len(groups) > 1 else {GROUP: "".join(groups)}
    annotations = {"gpu-fraction": "0.5"} if asks is None else asks
    metadata = {"labels": labels, "annotations": annotations}
    return pod(container(), name=name, node=on, metadata=metadata, **fields)


def tasks(*objects: Object) -> dict[str, Pod]:
    return {each.name: each for each in snapshot_of(*objects).nodes["node-1"].pods}


def test_a_gpu_that_two_pods_share_counts_once_and_both_are_its_tasks() -> None:
    snapshot = snapshot_of(
        node(gpus=4), reservation("r-0", "g0"), sharing("a", "g0"), sharing("b", "g0"), pod(container(gpus=1))
    )
    occupied = snapshot.nodes["node-1"]
    assert (snapshot.states.allocated, snapshot.states.available) == (2, 2)
    assert [each.name for each in occupied.pods] == ["a", "b", "train-0"]
    assert [each.gpus for each in occupied.pods] == [1, 1, 1]
    assert snapshot.running_tasks == 3
    (held,) = occupied.reservations
    assert (held.pod.name, held.tasks) == ("r-0", ("team/a", "team/b"))
    assert snapshot.held_without_pod == 0
    fraction = occupied.pods[0].fraction
    assert fraction == Fraction(0.5, None, groups=("g0",), reservations=(PodKey(KAI, "r-0"),), shared=True)


def test_a_pod_on_several_gpus_has_a_group_and_a_reservation_for_each() -> None:
    asks = {"gpu-memory": "2000", "gpu-fraction-num-devices": "2"}
    found = tasks(
        node(gpus=4),
        reservation("r-0", "g0"),
        reservation("r-1", "g1"),
        sharing("a", "g0", "g1", asks=asks),
    )
    assert found["a"].gpus == 2
    fraction = found["a"].fraction
    assert fraction is not None
    assert (fraction.portion, fraction.memory_mib, fraction.devices, fraction.shared) == (
        None,
        2000,
        2,
        False,
    )
    assert [key.name for key in fraction.reservations] == ["r-0", "r-1"]


def test_only_a_reservation_of_the_same_group_and_node_holds_a_pods_gpu() -> None:
    snapshot = snapshot_of(
        node(gpus=4),
        node("node-2", 4),
        reservation("r-0", "g0", on="node-2"),
        reservation("r-1", "g1"),
        sharing("a", "g0"),
    )
    (task,) = snapshot.nodes["node-1"].pods
    assert (task.gpus, task.is_running, snapshot.running_tasks) == (0, False, 0)
    assert snapshot.held_without_pod == 2
    assert [each.tasks for each in snapshot.nodes["node-2"].reservations] == [()]
    assert snapshot.states.allocated == 2


def test_a_reservation_ends_with_its_last_task() -> None:
    ledger = ledger_of(node(gpus=1), reservation("r-0", "g0"), sharing("a", "g0"))
    assert ledger.snapshot().held_without_pod == 0
    ended = read(sharing("a", "g0", phase="Succeeded"))
    ledger.put_pod(ended.key, ended.value)
    assert (ledger.snapshot().held_without_pod, ledger.snapshot().states.allocated) == (1, 1)
    ledger.put_pod(PodKey(KAI, "r-0"), None)
    assert ledger.snapshot().states.available == 1


def test_a_pod_of_another_namespace_is_no_reservation_and_one_without_a_group_is_a_task() -> None:
    impostor = pod(container(gpus=1), name="own", metadata={"labels": {GROUP: "g0"}})
    found = tasks(node(gpus=4), impostor, reservation("r-0"), sharing("a", "g0"))
    assert {name: each.gpus for name, each in found.items()} == {"own": 1, "r-0": 1, "a": 0}


def test_the_namespace_can_be_another_one() -> None:
    raw = json.dumps(reservation("r-0", "g0")).encode()
    own, other = (
        pod_decoder(GpuResources(), reservations=name).read(raw).value for name in (KAI, "runai-reservation")
    )
    assert isinstance(own, Pod)
    assert isinstance(other, Pod)
    assert (own.reserves, other.reserves) == (("g0",), ())


def test_a_pending_pod_asks_for_the_gpus_that_it_will_be_on() -> None:
    asks = {"gpu-fraction": "0.25", "gpu-fraction-num-devices": "3"}
    snapshot = snapshot_of(node(gpus=4), sharing("a", on=None, phase="Pending", asks=asks))
    assert (snapshot.demand.pods, snapshot.demand.gpus) == (1, 3)
    assert snapshot.pending["team/a"].fraction == Fraction(0.25, None, 3)


def test_a_pending_pod_with_a_claim_too_asks_for_the_gpus_that_it_will_be_on() -> None:
    named = [{"name": "nic", "resourceClaimName": "nic"}]
    snapshot = snapshot_of(sharing("a", "", on=None, resourceClaims=named))
    assert [each.gpus for each in snapshot.pending.values()] == [1]
    assert snapshot.demand.gpus == 1


def test_on_a_node_without_gpus_an_annotation_makes_no_task() -> None:
    snapshot = snapshot_of(sharing("a", "g0", on="cpu-1"))
    assert len(snapshot.nodes) == snapshot.missing_nodes == 0


@pytest.mark.parametrize(
    ("asks", "expected"),
    [
        ({"gpu-fraction": "0.5"}, Fraction(0.5, None)),
        ({"gpu-fraction": "5e-1"}, Fraction(0.5, None)),
        ({"gpu-memory": "2000"}, Fraction(None, 2000)),
        ({"gpu-fraction": "", "gpu-memory": "2000"}, Fraction(None, 2000)),
        ({"gpu-fraction": "1"}, Fraction(None, None, malformed=True)),
        ({"gpu-fraction": "0"}, Fraction(None, None, malformed=True)),
        ({"gpu-fraction": "-0.5"}, Fraction(None, None, malformed=True)),
        ({"gpu-fraction": "half"}, Fraction(None, None, malformed=True)),
        ({"gpu-fraction": "NaN"}, Fraction(None, None, malformed=True)),
        ({"gpu-fraction": "1e-999"}, Fraction(None, None, malformed=True)),
        ({"gpu-fraction": "0." + "1" * 1000}, Fraction(None, None, malformed=True)),
        ({"gpu-fraction": 0.5}, Fraction(None, None, malformed=True)),
        ({"gpu-memory": "2Gi"}, Fraction(None, None, malformed=True)),
        ({"gpu-memory": "9" * 100}, Fraction(None, None, malformed=True)),
        ({"gpu-memory": "0"}, Fraction(None, None, malformed=True)),
        (
            {"gpu-fraction": "0.5", "gpu-fraction-num-devices": "0"},
            Fraction(0.5, None, malformed=True),
        ),
        (
            {"gpu-fraction": "0.5", "gpu-fraction-num-devices": "100000"},
            Fraction(0.5, None, malformed=True),
        ),
    ],
)
def test_an_odd_annotation_costs_its_own_value_alone(asks: dict[str, Any], expected: Fraction) -> None:
    assert viewed_pod(sharing("a", on=None, asks=asks)).fraction == expected


@pytest.mark.parametrize(
    "asks", [{}, {"gpu-fraction": ""}, {"gpu-fraction-num-devices": "2"}, {"note": "gpu-fraction"}]
)
def test_who_asks_for_nothing_is_no_gpu_pod(asks: dict[str, Any]) -> None:
    assert read(sharing("a", "g0", asks=asks)).value is None


def test_annotations_that_are_none_cost_nobody() -> None:
    odd = pod(container(gpus=1), metadata={"annotations": ["gpu-fraction"]})
    assert viewed_pod(odd).fraction is None
    odd = pod(container(), metadata={"annotations": ["gpu-fraction"]})
    assert read(odd).problem is None


def test_a_pod_that_asks_for_whole_gpus_has_no_fraction() -> None:
    whole = pod(container(gpus=1), metadata={"annotations": {"gpu-fraction": "0.5"}})
    assert viewed_pod(whole).fraction is None


def test_a_pod_has_only_so_many_groups() -> None:
    many = sharing("a", *(f"g{number:03}" for number in range(500)))
    assert len((viewed_pod(many).fraction or Fraction(None, None)).groups) == MAX_GPU_GROUPS


def used(*objects: Object, telemetry: NodeTelemetry) -> list[Any]:
    return [usage(each, telemetry) for each in snapshot_of(*objects).nodes["node-1"].pods]


def test_a_task_uses_the_gpu_of_its_reservation_and_shares_it_with_the_others() -> None:
    holder = msgspec.structs.replace(made.holder("r-0"), namespace=KAI)
    telemetry = made.node("node-1", made.gpu(percent=70.0), holders=(holder,))
    objects = (node(gpus=1), reservation("r-0", "g0"), sharing("a", "g0"))
    (alone,) = used(*objects, telemetry=telemetry)
    assert (alone.utilization_percent, len(alone.gpus)) == (70.0, 1)
    both = used(*objects, sharing("b", "g0"), telemetry=telemetry)
    assert [each.reason for each in both] == [SHARED, SHARED]


_GROUPS = st.lists(st.sampled_from(("g0", "g1", "g2")), unique=True, max_size=2)
_WHERE = st.sampled_from(("node-1", "node-1", "node-2", "cpu-1", "gone", None))
_PHASES = st.sampled_from(("Running", "Running", "Pending", "Unknown", "Succeeded"))
_NAMES = st.sampled_from("abcd")
_ASKS = st.sampled_from(
    (
        {"gpu-fraction": "0.5"},
        {"gpu-memory": "2000", "gpu-fraction-num-devices": "2"},
        {"gpu-fraction": "odd"},
        {"gpu-fraction": ""},
    )
)


@st.composite
def _written(draw: st.DrawFn) -> Object:
    """Generate a reservation pod, a pod with a fraction, or one with a whole GPU."""
    groups, on, phase, name = draw(_GROUPS), draw(_WHERE), draw(_PHASES), draw(_NAMES)
    match draw(st.integers(0, 4)):
        case 0 | 1:
            return reservation(f"r-{name}", *groups, on=on or "node-1", phase=phase)
        case 2 | 3:
            return sharing(name, *groups, on=on, phase=phase, asks=draw(_ASKS))
    return pod(container(gpus=1), name=name, node=on, phase=phase, metadata={"labels": {GROUP: "g0"}})


@settings(max_examples=full_or(100, 1000), deadline=None)
@given(st.lists(_written(), min_size=1, max_size=20))
def test_the_figures_are_those_of_a_recount_of_the_raw_pods(written: list[Object]) -> None:
    nodes = [node(gpus=3), node("node-2", 1)]
    ledger, stored = ledger_of(*nodes), dict[PodKey, Object]()
    for each in written:
        reading = read(each)
        stored[reading.key] = each
        ledger.put_pod(reading.key, reading.value)
        assert_agrees(ledger.snapshot(), stored.values(), nodes)
    fractions, reserving, _ = recount_kai.placed(
        [each for each in stored.values() if each["status"]["phase"] != "Succeeded"],
        {key: {GPU: 1} for key, each in stored.items() if _holds(each)},
    )
    found = {
        task.key: task
        for occupied in ledger.snapshot().nodes.values()
        for task in (*occupied.pods, *(held.pod for held in occupied.reservations))
    }
    assert {key for key, task in found.items() if task.reserves} == reserving
    for key, task in found.items():
        if task.fraction is not None:
            assert task.gpus == fractions[key]["gpus"]
            assert task.fraction.portion == recount_kai.portion(stored[key])


def _holds(each: Object) -> bool:
    """Tell whether a pod is bound, isn't finished and requests a GPU."""
    asked = each["spec"]["containers"][0]["resources"]
    return bool(each["spec"].get("nodeName") and asked and each["status"]["phase"] != "Succeeded")
