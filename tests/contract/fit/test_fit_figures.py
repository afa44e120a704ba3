"""What ``status`` says is available is what ``fit`` would place, in every cluster."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lens.api.fit.endpoint import FitQuestions
from lens.api.parameters.fit import FitQuery
from lens.api.schemas.fit import Fit
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, Manifest, node, pod
from tests.profiles import full_or

NVIDIA, AMD, SHARED = "nvidia.com/gpu", "amd.com/gpu", "nvidia.com/gpu.shared"
SMALL, LARGE = "nvidia.com/mig-1g.10gb", "nvidia.com/mig-3g.40gb"
RESOURCES = (NVIDIA, NVIDIA, AMD, SHARED, SMALL, LARGE)
NODES = ("a", "b", "c")
TAINTS = (
    {"key": "nvidia.com/gpu", "effect": "NoSchedule"},
    {"key": "nvidia.com/gpu", "value": "present", "effect": "NoExecute"},
    {"key": "mine", "effect": "NoSchedule"},
    {"key": "mine", "effect": "PreferNoSchedule"},
)
few = st.integers(0, 9)

questions = FitQuestions(GpuResources(), TaintPolicy())


@st.composite
def nodes(draw: st.DrawFn, name: str) -> Manifest:
    """Return a node whose GPUs are whole, time-sliced, cut up by MIG, sick, closed or odd."""
    made = node(name, cordoned=draw(st.booleans()) and draw(st.booleans()))
    made["spec"]["taints"] = draw(st.lists(st.sampled_from(TAINTS), max_size=2))
    capacity, allocatable = made["status"]["capacity"], made["status"]["allocatable"]
    del capacity[NVIDIA], allocatable[NVIDIA]
    for resource in draw(st.sets(st.sampled_from(RESOURCES), max_size=3)):
        there = draw(few)
        capacity[resource] = str(there)
        allocatable[resource] = str(draw(st.one_of(st.just(there), few)))
        if draw(st.integers(0, 9)) == 0:
            del capacity[resource]
    labels = made["metadata"]["labels"]
    if draw(st.booleans()):
        labels["nvidia.com/gpu.replicas"] = draw(st.sampled_from(("1", "2", "4")))
    if draw(st.booleans()):
        labels["nvidia.com/gpu.count"] = draw(st.sampled_from(("1", "2", "4", "8")))
    if draw(st.booleans()):
        labels["nvidia.com/mig.strategy"] = draw(st.sampled_from(("mixed", "single")))
    return made


@st.composite
def pods(draw: st.DrawFn, index: int) -> Manifest:
    """Return a pod that holds GPUs somewhere, or did, or will."""
    phase = draw(st.sampled_from(("Running", "Running", "Pending", "Unknown", "Succeeded", "Failed")))
    made = pod(
        f"pod-{index}",
        draw(st.sampled_from((*NODES, *NODES, "gone"))),
        draw(few),
        resource=draw(st.sampled_from(RESOURCES)),
        phase=phase,
        terminating=draw(st.booleans()),
    )
    if draw(st.booleans()):
        container = {
            "name": "first",
            "resources": {"limits": {draw(st.sampled_from(RESOURCES)): str(draw(few))}},
        }
        if draw(st.booleans()):
            container["restartPolicy"] = "Always"
        made["spec"]["initContainers"] = [container]
    return made


clusters = st.tuples(
    st.tuples(*(nodes(name) for name in NODES)), st.tuples(*(pods(index) for index in range(5)))
)


def published(made: tuple[tuple[Manifest, ...], tuple[Manifest, ...]]) -> Cluster:
    cluster = Cluster()
    for each in (*made[0], *made[1]):
        if each["kind"] == "Node" or each["status"]["phase"] not in ("Succeeded", "Failed"):
            cluster.add(each)
    cluster.publish(NOW)
    return cluster


def ask(cluster: Cluster, **params: Any) -> Fit:
    given_ = {"cluster": "c"} | {name: str(value) for name, value in params.items()}
    return questions.answer_query(cluster.state.current, FitQuery.model_validate(given_), NOW)


def rows(cluster: Cluster) -> Iterator[tuple[str, str, int]]:
    """Yield the available units of each resource on each node."""
    for name, occupied in cluster.state.current.snapshot.nodes.items():
        for pool in occupied.pools:
            yield name, pool.resource, pool.states.available


@settings(max_examples=full_or(60, 400), deadline=None)
@given(clusters)
def test_a_pod_fits_up_to_the_most_units_that_one_node_has_available(
    made: tuple[tuple[Manifest, ...], tuple[Manifest, ...]],
) -> None:
    cluster = published(made)
    most: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for _, resource, available in rows(cluster):
        most[resource] = max(most[resource], available)
        total[resource] += available
    for resource in set(RESOURCES):
        if most[resource]:
            assert ask(cluster, gpus=most[resource], resource=resource)["fits"] == "yes"
            assert ask(cluster, gpus=1, resource=resource)["max_replicas"] == total[resource]
        assert ask(cluster, gpus=most[resource] + 1, resource=resource)["fits"] == "no"


@settings(max_examples=full_or(60, 400), deadline=None)
@given(clusters)
def test_the_quickstart_never_says_yes_where_no_pod_of_so_many_gpus_fits(
    made: tuple[tuple[Manifest, ...], tuple[Manifest, ...]],
) -> None:
    cluster = published(made)
    snapshot = cluster.state.current.snapshot
    block = snapshot.max_contiguous
    fitting = [
        resource
        for resource in sorted(set(RESOURCES))
        if block and ask(cluster, gpus=block, resource=resource)["fits"] == "yes"
    ]
    assert bool(fitting) is (block > 0)
    assert (snapshot.available_nodes > 0) is (block > 0)
    # Where all GPUs are whole, the largest block is exactly what fits without naming a resource.
    if not snapshot.units:
        assert snapshot.states.available == sum(available for _, _, available in rows(cluster))
        assert ask(cluster, gpus=block + 1)["fits"] == "no"
        if block:
            assert ask(cluster, gpus=block)["fits"] == "yes"


def test_devices_of_several_profiles_are_no_block_of_all_gpus_since_a_pod_asks_for_one_of_them() -> None:
    cluster = Cluster()
    labels = {"nvidia.com/gpu.count": "8", "nvidia.com/mig.strategy": "mixed"}
    cut_up = node("mig", 4, resource=SMALL, labels=labels)
    for part in "capacity", "allocatable":
        cut_up["status"][part][LARGE] = "4"
    cluster.add(cut_up)
    cluster.publish(NOW)
    snapshot = cluster.state.current.snapshot
    assert (snapshot.states.available, snapshot.max_contiguous) == (8, 4)
    assert [each.largest_block for each in snapshot.products] == [4]
    assert ask(cluster, gpus=4, resource=SMALL)["fits"] == "yes"
    assert ask(cluster, gpus=5, resource=SMALL)["fits"] == "no"


def test_without_any_gpus_no_pod_with_gpus_fits() -> None:
    cluster = Cluster()
    cpu_only = node("cpu")
    for part in "capacity", "allocatable":
        del cpu_only["status"][part][NVIDIA]
    cluster.add(cpu_only)
    cluster.publish(NOW)
    found = ask(cluster, gpus=8)
    assert (found["fits"], found["resource"]) == ("no", NVIDIA)
    assert found["pods"][0]["message"] == f"0/1 nodes are available: 1 Insufficient {NVIDIA}."
    assert ask(cluster, gpus=0)["fits"] == "yes"
