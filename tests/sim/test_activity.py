from collections import defaultdict
from datetime import UTC, datetime, timedelta

from lens_sim.cluster.fleet import Fleet
from lens_sim.cluster.pods import Pod
from lens_sim.node.activity import Activity, activity
from lens_sim.node.nvml.scenario import Wave
from lens_sim.objects.store import Store
from tests.profiles import full_or

NOW = datetime(2026, 1, 5, 12, 3, 7, tzinfo=UTC)


def bounds(act: Activity) -> tuple[float, float]:
    if isinstance(act.utilization, Wave):
        return act.utilization.low, act.utilization.high
    assert isinstance(act.utilization, float)
    return act.utilization, act.utilization


def kind(pod: Pod) -> str:
    return "notebook" if pod.owner is None else pod.owner.kind


def test_workloads_differ_in_their_utilization() -> None:
    fleet = Fleet(Store(), NOW, nodes=60)
    seen = defaultdict(list)
    idle = set()
    for node in fleet.nodes:
        for pod in fleet.pods_on(node):
            for act in activity(pod).values():
                low, high = bounds(act)
                assert act.memory
                if high == 0:
                    idle.add(pod.key)
                else:
                    seen[kind(pod)].append((low, high))
    assert all(85 <= low < high <= 98 for name in ("Job", "PyTorchJob") for low, high in seen[name])
    assert all(20 <= low < high <= 60 for low, high in seen["ReplicaSet"])
    assert all(0 <= low < high <= 15 for low, high in seen["notebook"])
    assert min(len(seen[name]) for name in ("Job", "PyTorchJob", "ReplicaSet", "notebook")) > 5
    holders = sum(bool(pod.devices) for node in fleet.nodes for pod in fleet.pods_on(node))
    assert 0 < len(idle) < holders / 5


def test_only_containers_that_run_are_busy_on_gpus_that_they_have() -> None:
    fleet = Fleet(Store(), NOW, nodes=10)
    starting = spare = 0
    for minutes in range(0, full_or(120, 300), 2):
        fleet.step(NOW + timedelta(minutes=minutes))
        for node in fleet.nodes:
            for pod in fleet.pods_on(node):
                acting = activity(pod)
                assert set(acting) <= set(pod.devices)
                assert acting == activity(pod)
                if pod.started is None:
                    starting += bool(pod.devices)
                    assert not acting
                elif pod.shape.preflight.gpus:
                    assert len(acting) == pod.shape.app.gpus
                    spare += len(pod.devices) > len(acting)
    assert min(starting, spare) > 0
