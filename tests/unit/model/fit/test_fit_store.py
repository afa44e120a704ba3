"""What lists and lines make of the fleet: the same, in whatever way the objects arrive."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lens.model.fit.fit_store import FitStore, Pending, Unreadable, node_store, pod_for_fit, pod_store
from lens.model.fit.pending import PendingPod
from lens.model.fit.spec.node import FitNode, Gate
from lens.model.fit.spec.pod import FitPod
from lens.model.fit.state import FitState
from lens.model.inventory.decoding.kinds import pod_decoder
from lens.model.inventory.objects.pod import PodKey
from lens.model.k8s.gpu_resources import GpuResources

NODE = FitNode("n", {}, Gate(False, ()), {"cpu": 4000}, 10)
KEYS = [PodKey("ns", name) for name in "abcd"]


def pod(cpu: int, node: str = "n") -> FitPod:
    return FitPod(node=node, namespace="ns", labels=(), request=(("cpu", cpu),))


def decoded(manifest: dict[str, Any]) -> Any:
    reading = pod_decoder(GpuResources(), fit=pod_for_fit).read(json.dumps(manifest).encode())
    return reading.fit


def pod_state() -> tuple[FitState, FitStore[PodKey, FitPod | PendingPod]]:
    state = FitState()
    node_store(state).apply_line("n", NODE)
    return state, pod_store(state, Pending())


VIEWS = st.one_of(
    st.none(), st.builds(pod, st.integers(1, 9), st.sampled_from("nm")), st.just(Unreadable("odd"))
)


@given(st.lists(st.tuples(st.sampled_from(KEYS), VIEWS)), st.dictionaries(st.sampled_from(KEYS), VIEWS))
def test_a_list_leaves_what_it_has_whatever_was_before(
    lines: list[tuple[PodKey, FitPod | Unreadable | None]], listed: dict[PodKey, FitPod | Unreadable | None]
) -> None:
    state, store = pod_state()
    for key, view in lines:
        store.apply_line(key, view)
    store.apply_page(dict(list(listed.items())[:1]), first=True, last=False)
    store.apply_page(listed, first=False, last=True)
    fleet = state.fleet()
    assert fleet.unreadable == sum(isinstance(each, Unreadable) for each in listed.values())
    on_node = [each for each in listed.values() if isinstance(each, FitPod) and each.node == "n"]
    kept = [
        last
        for key, each in listed.items()
        if isinstance(each, Unreadable) and isinstance(last := _last(lines, key), FitPod) and last.node == "n"
    ]
    (node,) = fleet.nodes
    assert node.free["cpu"] == 4000 - sum(dict(each.request)["cpu"] for each in on_node + kept)
    assert node.free_pods == 10 - len(on_node) - len(kept)


def _last(lines: list[tuple[PodKey, FitPod | Unreadable | None]], key: PodKey) -> FitPod | Unreadable | None:
    """Return the last view of an object that was readable."""
    found: FitPod | Unreadable | None = None
    for each, view in lines:
        if each == key and not isinstance(view, Unreadable):
            found = view
    return found


def test_a_list_that_breaks_off_changes_nothing() -> None:
    state, store = pod_state()
    store.apply_line(KEYS[0], pod(1))
    store.apply_page({}, first=True, last=False)
    assert state.fleet().nodes[0].free_pods == 9


def test_a_pod_whose_rules_cant_be_read_takes_its_room_all_the_same() -> None:
    state, store = pod_state()
    term = {"topologyKey": "zone", "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Near"}]}}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    manifest: dict[str, Any] = {
        "metadata": {"name": "a", "namespace": "ns", "resourceVersion": "1"},
        "spec": {
            "nodeName": "n",
            "affinity": {"podAntiAffinity": required},
            "containers": [{"name": "c", "resources": {"requests": {"cpu": "3"}}}],
        },
    }
    store.apply_line(KEYS[0], decoded(manifest))
    fleet = state.fleet()
    assert (fleet.unreadable, fleet.nodes[0].free, fleet.nodes[0].free_pods) == (1, {"cpu": 1000}, 9)
    manifest["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "many"
    store.apply_line(KEYS[0], decoded(manifest))
    assert state.fleet().nodes[0].free == {"cpu": 1000}, "what was known stays"
    store.apply_line(KEYS[0], None)
    fleet = state.fleet()
    assert (fleet.unreadable, fleet.nodes[0].free) == (0, {"cpu": 4000})


def test_an_odd_object_makes_answers_incomplete_until_it_is_gone() -> None:
    state, store = pod_state()
    store.apply_line(KEYS[0], Unreadable("odd"))
    assert state.fleet().unreadable == 1
    store.apply_line(KEYS[0], None)
    assert state.fleet().unreadable == 0


def test_an_unchanged_state_is_the_same_view() -> None:
    state, store = pod_state()
    store.apply_line(KEYS[0], pod(1))
    before = state.fleet()
    store.apply_line(KEYS[0], pod(1))
    assert state.fleet() is before
    store.apply_line(KEYS[0], pod(2))
    assert state.fleet() is not before
    assert before.nodes[0].free["cpu"] == 3999


def test_every_pod_on_a_node_counts_and_a_finished_one_does_not() -> None:
    manifest: dict[str, Any] = {
        "metadata": {"name": "a", "namespace": "ns", "resourceVersion": "1"},
        "spec": {"nodeName": "n", "containers": [{"resources": {"requests": {"cpu": "500m"}}}]},
    }
    found = decoded(manifest)
    assert isinstance(found, FitPod)
    assert found.request == (("cpu", 500),)
    assert decoded({**manifest, "status": {"phase": "Succeeded"}}) is None
    manifest["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "much"
    assert isinstance(decoded(manifest), Unreadable)
