"""``include=namespaces``: who holds what, and how much of it does nothing."""

from typing import Any

import pytest

from lens.model.alerts.alert import Thresholds
from lens.model.gpu.node_report import Health, Holder
from lens.model.gpu.telemetry import GpuTelemetry, NodeTelemetry
from lens.model.gpu.telemetry_cache import TelemetryCache
from lens.model.monitor import Monitor
from tests.contract.conftest import NOW, Api, Clock, Serve
from tests.contract.kubernetes import Cluster, Manifest, node, pod

NUMBERS = ("allocated_gpus", "busy_gpus", "idle_gpus", "unmeasured_gpus")


def gpu(index: int, percent: float | None, at: float) -> GpuTelemetry:
    return GpuTelemetry(index, f"GPU-{index}", at, Health("ok"), utilization_percent=percent)


def holder(namespace: str, name: str, index: int) -> Holder:
    return Holder(namespace, name, "main", "nvidia.com/gpu", f"GPU-{index}", f"GPU-{index}", None)


def waiting(name: str, namespace: str, gpus: int) -> Manifest:
    return pod(name, "", gpus, namespace=namespace, phase="Pending", started=None)


class Watched:
    """A cluster with a monitor, so that idleness has a beginning."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._monitor = Monitor(Thresholds(), 10)
        self._cache = TelemetryCache(stale_after=30, unknown_after=60)

    def report(self, *percents: float | None, holders: tuple[Holder, ...]) -> None:
        """Report the node's GPUs, and look at it."""
        gpus = tuple(gpu(index, percent, self._clock.now) for index, percent in enumerate(percents))
        self._cache.put("n1", NodeTelemetry("n1", "agent", self._clock.now, gpus, holders), self._clock.now)
        self._cluster.state.telemetry = self._cache.snapshot()
        self._cluster.publish(self._clock.now)
        self._cluster.state.alerts_and_events = self._monitor.evaluate(
            self._cluster.state.current, (), self._clock.now
        )


@pytest.fixture
def watched(cluster: Cluster, clock: Clock) -> Watched:
    return Watched(cluster, clock)


async def rows(api: Api) -> dict[str, dict[str, Any]]:
    data = (await api.status("&include=namespaces", Cache_Control="no-cache")).data
    assert data["namespaces"] == sorted(data["namespaces"], key=lambda row: -row["allocated_gpus"])
    return {row["namespace"]: row for row in data["namespaces"]}


async def test_each_namespace_has_its_gpus_by_what_they_do(
    api: Api, cluster: Cluster, watched: Watched
) -> None:
    cluster.add(
        node("n1", 8),
        pod("train", "n1", 2, namespace="a"),
        pod("sleep", "n1", 1, namespace="a"),
        pod("dark", "n1", 1, namespace="b"),
        pod("starts", "n1", 1, namespace="b", phase="Pending", started=None),
        waiting("w1", "b", 4),
        waiting("w2", "c", 2),
        waiting("w3", "c", 1),
    )
    held = (holder("a", "train", 0), holder("a", "train", 1), holder("a", "sleep", 2))
    watched.report(90.0, 60.0, 0.0, None, None, 0.0, 0.0, 0.0, holders=(*held, holder("b", "dark", 3)))
    found = await rows(api)
    assert list(found) == ["a", "b", "c"]
    assert [found["a"][name] for name in NUMBERS] == [3, 2, 1, 0]
    assert [found["b"][name] for name in NUMBERS] == [2, 0, 0, 2]
    assert [found["c"][name] for name in NUMBERS] == [0, 0, 0, 0]
    assert [found[name]["utilization"] for name in "abc"] == [50.0, None, None]
    assert [found[name]["running_tasks"] for name in "abc"] == [2, 1, 0]
    assert [(found[name]["pending_pods"], found[name]["pending_gpus"]) for name in "abc"] == [
        (0, 0),
        (1, 4),
        (2, 3),
    ]
    status = (await api.status()).data
    assert sum(row["allocated_gpus"] for row in found.values()) == status["gpu_states"]["allocated"]
    assert sum(row["running_tasks"] for row in found.values()) == status["running_tasks"]
    assert sum(row["pending_gpus"] for row in found.values()) == status["pending"]["gpus"]


async def test_idle_time_grows_while_it_lasts_and_begins_anew(
    api: Api, cluster: Cluster, watched: Watched, clock: Clock
) -> None:
    cluster.add(node("n1", 8), pod("sleep", "n1", 2, namespace="a"))
    held = (holder("a", "sleep", 0), holder("a", "sleep", 1))
    watched.report(0.0, 0.0, holders=held)
    assert (await rows(api))["a"]["idle_gpu_seconds"] == 0
    clock.now += 600
    watched.report(0.5, 0.0, holders=held)
    assert (await rows(api))["a"]["idle_gpu_seconds"] == 1200
    # A cached answer grows too.
    clock.now += 10
    data = (await api.status("&include=namespaces")).data
    assert data["namespaces"][0]["idle_gpu_seconds"] == 1220
    watched.report(80.0, 80.0, holders=held)
    assert (await rows(api))["a"]["idle_gpu_seconds"] == 0
    clock.now += 60
    watched.report(0.0, 0.0, holders=held)
    clock.now += 5
    assert (await rows(api))["a"]["idle_gpu_seconds"] == 10


async def test_what_changes_is_counted_again(
    api: Api, cluster: Cluster, watched: Watched, clock: Clock
) -> None:
    cluster.add(node("n1", 8), node("n2", 8), pod("p", "n1", 2, namespace="a"))
    cluster.publish(NOW)
    assert [(await rows(api))["a"][name] for name in NUMBERS] == [2, 0, 0, 2]
    cluster.add(pod("q", "n2", 3, namespace="a"), pod("r", "n2", 1, namespace="b"))
    cluster.publish(NOW)
    assert [(await rows(api))["a"]["allocated_gpus"], (await rows(api))["b"]["allocated_gpus"]] == [5, 1]
    cluster.remove_pod("a", "q")
    cluster.remove_pod("a", "p")
    cluster.remove_node("n1")
    cluster.publish(NOW)
    assert set(await rows(api)) == {"b"}


async def test_gpus_beyond_a_nodes_own_are_nobodys(api: Api, cluster: Cluster) -> None:
    cluster.add(node("n1", 2), pod("p", "n1", 8, namespace="a"), pod("q", "gone", 1, namespace="b"))
    cluster.publish(NOW)
    found = await rows(api)
    assert [found["a"][name] for name in NUMBERS] == [2, 0, 0, 2]


async def test_where_idle_begins_is_the_setting(serve: Serve, cluster: Cluster, watched: Watched) -> None:
    api = await serve(alert_idle_percent=10)
    cluster.add(node("n1", 8), pod("p", "n1", 1, namespace="a"))
    watched.report(10.0, holders=(holder("a", "p", 0),))
    assert (await rows(api))["a"]["idle_gpus"] == 1
