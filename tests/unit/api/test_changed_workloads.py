"""A stream sends the tasks whose workload has changed, and compares the nodes of these tasks alone."""

import asyncio
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from lens.api.stream.diff import Row, TaskKey, diff_states, task_rows
from lens.api.stream.nodes_by_controller import NodesByController
from lens.model.cluster_state import StateView
from lens.model.inventory.objects.pod import Controller, Workload
from lens.model.inventory.occupancy.node_occupancy import NodeOccupancy
from lens.model.inventory.owner_chains import NO_OWNER_CHAINS, OwnerChain
from lens.model.shards import Shards
from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, node, pod
from tests.profiles import full_or

NAMES = st.integers(0, 3).map(str)
STEP = st.tuples(st.sampled_from(("run", "end", "read", "forget")), NAMES, NAMES, NAMES)


def job(name: str) -> Controller:
    """Return the controller of the pods of a Job."""
    return Controller("batch/v1", "Job", "ml-team", name, "o")


def set_workload(cluster: Cluster, name: str, workload: str | None) -> None:
    """Let a Job belong to a workload; None for one that isn't known."""
    chain = None if workload is None else OwnerChain(Workload("JobSet", workload), None)
    cluster.state.owner_chains = cluster.state.owner_chains.updated({job(name): chain})


def tasks(current: StateView) -> dict[TaskKey, Row]:
    """Return all tasks, node by node."""
    return {key: row for name in current.snapshot.nodes for key, row in task_rows(current, name).items()}


@settings(max_examples=full_or(30, 200), deadline=None)
@given(st.lists(st.lists(STEP, max_size=4), max_size=8))
def test_what_is_told_is_the_whole_difference(rounds: list[list[tuple[str, str, str, str]]]) -> None:
    asyncio.run(_compare(rounds))


async def _compare(rounds: list[list[tuple[str, str, str, str]]]) -> None:
    cluster = Cluster()
    cluster.add(*(node(f"n{number}") for number in range(4)))
    cluster.publish(NOW)
    by_controller, told = NodesByController(), cluster.state.current
    running: dict[str, str] = {}
    for steps in rounds:
        for what, name, owner, other in steps:
            if what == "run" and name not in running:
                running[name] = other
                cluster.add(pod(f"p{name}", f"n{other}", owner=("batch/v1", "Job", owner)))
            elif what == "end" and running.pop(name, None) is not None:
                cluster.remove_pod("ml-team", f"p{name}")
            elif what in ("read", "forget"):
                set_workload(cluster, owner, other if what == "read" else None)
        cluster.publish(NOW)
        before, told = told, cluster.state.current
        diff = await diff_states(before, told, by_controller, "prod-cluster", NOW)
        was, now = tasks(before), tasks(told)
        assert diff.tasks.keys() == {key for key in was | now if was.get(key) != now.get(key)}


class Counting(Shards[str, NodeOccupancy]):
    """Nodes that count how often one of them is looked at."""

    looks = count()

    def __getitem__(self, name: str) -> NodeOccupancy:
        next(Counting.looks)
        return super().__getitem__(name)


@pytest.mark.parametrize("nodes", [10, 300])
async def test_another_workload_costs_the_same_in_a_cluster_of_any_size(nodes: int) -> None:
    cluster = Cluster()
    for number in range(nodes):
        owner = ("batch/v1", "Job", str(number))
        cluster.add(node(f"n{number}"), pod(f"p{number}", f"n{number}", owner=owner))
        set_workload(cluster, str(number), "sweep")
    cluster.publish(NOW)
    found = cluster.state.current
    first = replace(
        found,
        snapshot=replace(found.snapshot, nodes=Counting().updated(dict(found.snapshot.nodes))),
        owner_chains=NO_OWNER_CHAINS,
    )
    by_controller = NodesByController()
    known = replace(first, owner_chains=found.owner_chains)
    assert len((await diff_states(first, known, by_controller, "prod-cluster", NOW)).tasks) == nodes
    set_workload(cluster, "7", "other")
    after = replace(known, owner_chains=cluster.state.owner_chains)
    looks = next(Counting.looks)
    diff = await diff_states(known, after, by_controller, "prod-cluster", NOW)
    assert [key.pod_name for key in diff.tasks] == ["p7"]
    assert next(Counting.looks) - looks < 20
