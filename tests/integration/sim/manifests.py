"""Small objects to fill a simulated cluster with."""

from datetime import UTC, datetime

from lens_sim.objects.resources import DAEMON_SETS, NODES, PODS, Object
from lens_sim.objects.store import Store

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


def pod(
    name: str,
    namespace: str = "ns",
    phase: str = "Running",
    node: str = "n",
    labels: dict[str, str] | None = None,
) -> Object:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": {"nodeName": node, "containers": [{"name": "main"}]},
        "status": {"phase": phase},
    }


def add_pods(store: Store, *names: str) -> None:
    for name in names:
        store.put(PODS, pod(name), NOW)


def add_node(store: Store, name: str) -> None:
    ready = {"type": "Ready", "status": "True"}
    store.put(NODES, {"metadata": {"name": name}, "spec": {}, "status": {"conditions": [ready]}}, NOW)


def add_daemon_set(store: Store, name: str, namespace: str = "ns") -> None:
    store.put(DAEMON_SETS, {"metadata": {"name": name, "namespace": namespace}, "spec": {}}, NOW)
