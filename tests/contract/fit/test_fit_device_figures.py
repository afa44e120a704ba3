"""What ``status`` says is available of a driver's GPUs is what ``fit`` would place, in every cluster."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lens.api.fit.endpoint import FitQuestions
from lens.api.parameters.fit import FitQuery
from lens.api.schemas.fit import Fit
from lens.model.k8s.gpu_resources import GpuResources
from lens.model.k8s.taints import TaintPolicy
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, Manifest, node
from tests.profiles import full_or
from tests.unit.model.dra_manifests import (
    DRIVER,
    claim,
    device,
    device_class,
    resource_slice,
    result,
    taint_rule,
)

NODES = ("a", "b", "c")
POOLS = ("a", "b", "shared")
NAMES = tuple(f"gpu-{number}" for number in range(4))
EFFECTS = ("NoSchedule", "NoExecute", "None")

questions = FitQuestions(GpuResources(), TaintPolicy())


@st.composite
def devices(draw: st.DrawFn, *, own_places: bool) -> Manifest:
    """Return a device, perhaps tainted."""
    fields: Manifest = {"nodeName": draw(st.sampled_from(NODES))} if own_places else {}
    taints = draw(st.lists(st.sampled_from([f"hot:{each}" for each in EFFECTS]), max_size=1))
    return device(draw(st.sampled_from(NAMES)), taints=taints if draw(st.booleans()) else (), **fields)


@st.composite
def slices(draw: st.DrawFn, index: int) -> Manifest:
    """Return a slice of some generation, whose pool may lack others or name a device twice.

    The scheduler looks whether a pool is complete for each node. So a pool that says that it has fewer slices
    than it has, on several nodes, may be complete for one of them, and has no counted GPUs.
    """
    own_places = index == 0
    node_name = draw(st.sampled_from((*NODES, "gone")))
    made = resource_slice(
        *draw(st.lists(devices(own_places=own_places), max_size=4)),
        name=f"slice-{index}",
        driver=draw(st.sampled_from((DRIVER, DRIVER, DRIVER, "gpu.amd.com"))),
        pool="shared" if own_places else node_name,
        generation=draw(st.integers(1, 2)),
        count=draw(st.sampled_from((1, 1, 2))),
        node=None if own_places else node_name,
    )
    if own_places:
        made["spec"]["perDeviceNodeSelection"] = True
    return made


@st.composite
def claims(draw: st.DrawFn, index: int) -> Manifest:
    """Return a claim that holds some devices, or has admin access to them."""
    results = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(POOLS)), max_size=2))
    admin: Manifest = {"adminAccess": True} if draw(st.integers(0, 3)) == 0 else {}
    driver = draw(st.sampled_from((DRIVER, DRIVER, "gpu.amd.com")))
    held = [result(name, pool=pool, driver=driver, **admin) for name, pool in results]
    return claim(*held, name=f"claim-{index}", namespace="other")


@st.composite
def rules(draw: st.DrawFn, index: int) -> Manifest:
    """Return a rule that taints some devices."""
    selected = {
        "driver": draw(st.sampled_from((None, DRIVER, "gpu.amd.com"))),
        "pool": draw(st.sampled_from((None, *POOLS))),
        "device": draw(st.sampled_from((*NAMES, "other"))),
    }
    selector = {key: value for key, value in selected.items() if value is not None}
    return taint_rule(f"rule-{index}", effect=draw(st.sampled_from(EFFECTS)), **selector)


@st.composite
def clusters(draw: st.DrawFn) -> list[Manifest]:
    """Return nodes, some of them cordoned, and all that a driver and a scheduler write."""
    made: list[Manifest] = [
        node(name, resource="example.com/none", cordoned=draw(st.integers(0, 4)) == 0) for name in NODES
    ]
    published = [draw(slices(index)) for index in range(draw(st.integers(1, 5)))]
    # All slices of a pool state one number: the scheduler goes by any of them, and Lens by all.
    counts: dict[tuple[str, str, int], int] = {}
    for spec in (each["spec"] for each in published):
        pool = spec["pool"]
        key = (spec["driver"], pool["name"], pool["generation"])
        pool["resourceSliceCount"] = counts.setdefault(key, pool["resourceSliceCount"])
    made += published
    made += [draw(claims(index)) for index in range(draw(st.integers(0, 3)))]
    made += [draw(rules(index)) for index in range(draw(st.integers(0, 2)))]
    return [*made, device_class(), device_class("gpu.amd.com", 'device.driver == "gpu.amd.com"')]


def ask(cluster: Cluster, **params: Any) -> Fit:
    given_ = {"cluster": "c"} | {name: str(value) for name, value in params.items()}
    return questions.answer_query(cluster.state.current, FitQuery.model_validate(given_), NOW)


@settings(max_examples=full_or(40, 400), deadline=None)
@given(clusters())
def test_a_pod_fits_up_to_the_most_devices_that_one_node_has_available(made: list[Manifest]) -> None:
    cluster = Cluster()
    cluster.add(*made)
    cluster.publish(NOW)
    nodes = cluster.state.current.snapshot.nodes
    for driver in (DRIVER, "gpu.amd.com"):
        available = {
            name: sum(each.states.available for each in occupied.drivers if each.resource == driver)
            for name, occupied in nodes.items()
        }
        most, total = max(available.values(), default=0), sum(available.values())
        if most:
            found = ask(cluster, gpus=most, device_class=driver)
            assert (found["fits"], found["complete"]) == ("yes", True)
            assert ask(cluster, gpus=1, device_class=driver)["max_replicas"] == total
        assert ask(cluster, gpus=most + 1, device_class=driver)["fits"] == "no"
