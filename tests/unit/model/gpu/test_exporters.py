"""Which pods are believed to tell of GPUs: nobody else's, whatever labels they have copied."""

from typing import Any

import msgspec
import pytest

from lens.model.gpu.exporters import DaemonSet, ExporterPod, ExporterSelector
from lens.model.inventory.exporter_index import ExporterIndex
from lens.model.inventory.ledger import Ledger
from lens.model.inventory.objects.pod import PodKey
from lens.model.k8s.objects import PodManifest
from lens.model.k8s.taints import TaintPolicy

SELECTOR = ExporterSelector.parse("lens", "app=agent, tier=node", "lens-agent")


def agent_pod(**changes: Any) -> PodManifest:
    """Return a pod as the agents' DaemonSet makes them, but for some changes of metadata or status."""
    metadata: dict[str, Any] = {
        "name": "agent-1",
        "namespace": "lens",
        "uid": "pod-uid",
        "labels": {"app": "agent", "tier": "node", "more": "x"},
        "ownerReferences": [{"kind": "DaemonSet", "name": "lens-agent", "uid": "ds-uid", "controller": True}],
    }
    status = {"phase": "Running", "podIP": "10.0.0.1"}
    spec = {"nodeName": "n1"}
    for part in (metadata, status, spec):
        part.update({name: value for name, value in changes.items() if name in part})
    metadata |= {name: value for name, value in changes.items() if name == "deletionTimestamp"}
    return msgspec.convert({"metadata": metadata, "spec": spec, "status": status}, PodManifest)


def test_a_pod_of_the_daemonset_can_be_asked() -> None:
    assert SELECTOR.read(agent_pod()) == ExporterPod("lens", "agent-1", "pod-uid", "n1", "10.0.0.1", "ds-uid")


@pytest.mark.parametrize(
    "changes",
    [
        {"namespace": "tenant"},
        {"labels": {"app": "agent"}},
        {"labels": None},
        {"phase": "Pending"},
        {"podIP": None},
        {"nodeName": None},
        {"deletionTimestamp": "2025-12-19T15:30:00Z"},
    ],
)
def test_what_is_no_agent_or_not_up_is_not_asked(changes: dict[str, Any]) -> None:
    assert SELECTOR.read(agent_pod(**changes)) is None


def test_only_pods_that_the_daemonset_made_are_ever_sent_the_token() -> None:
    ledger = Ledger(TaintPolicy(), daemonset="lens-agent")
    owner = {"kind": "DaemonSet", "name": "lens-agent", "controller": True}
    forged = [{**owner, "uid": "forged"}]
    for name, owners in (("agent-1", [{**owner, "uid": "ds-uid"}]), ("copy", forged), ("bare", None)):
        ledger.put_pod(PodKey("lens", name), SELECTOR.read(agent_pod(name=name, ownerReferences=owners)))
    assert not ledger.snapshot().exporters
    ledger.put_daemonset(PodKey("lens", "lens-agent"), DaemonSet("ds-uid"))
    ledger.put_daemonset(PodKey("tenant", "lens-agent"), DaemonSet("forged"))
    assert [pod.name for pod in ledger.snapshot().exporters.values()] == ["agent-1"]
    ledger.put_daemonset(PodKey("lens", "lens-agent"), None)
    assert not ledger.snapshot().exporters


def test_without_a_daemonset_to_hold_them_against_all_are_believed() -> None:
    ledger = Ledger(TaintPolicy())
    ledger.put_pod(PodKey("lens", "copy"), SELECTOR.read(agent_pod(name="copy", ownerReferences=None)))
    assert [pod.name for pod in ledger.snapshot().exporters.values()] == ["copy"]
    ledger.put_pod(PodKey("lens", "copy"), None)
    assert not ledger.snapshot().exporters


def test_of_several_on_a_node_the_first_by_name_is_asked() -> None:
    ledger = Ledger(TaintPolicy())
    asked = []
    for name, is_there in (("b", True), ("a", True), ("c", True), ("a", False), ("b", False), ("c", False)):
        ledger.put_pod(PodKey("lens", name), SELECTOR.read(agent_pod(name=name)) if is_there else None)
        snapshot = ledger.snapshot()
        asked.append([pod.name for pod in snapshot.exporters.values()])
        assert snapshot.exporter_nodes == len(asked[-1])
    assert asked == [["b"], ["a"], ["a"], ["b"], ["c"], []]


def test_a_pod_that_moves_is_asked_on_its_new_node_alone() -> None:
    ledger = Ledger(TaintPolicy())
    for node in ("n1", "n2"):
        ledger.put_pod(PodKey("lens", "agent-1"), SELECTOR.read(agent_pod(nodeName=node)))
    assert list(ledger.snapshot().exporters) == ["n2"]


@pytest.mark.parametrize("count", [10, 1_000])
def test_a_change_looks_at_one_node_of_any_number(count: int) -> None:
    looked_at: list[str] = []

    def counts(node: str) -> bool:
        looked_at.append(node)
        return True

    index = ExporterIndex("agent", counts, all_nodes_counted=True)
    index.put_daemonset(PodKey("lens", "agent"), DaemonSet("uid", count))
    pods = [ExporterPod("lens", f"p{n}", "u", f"n{n}", "10.0.0.1", "uid") for n in range(count)]
    for pod in pods:
        index.put(PodKey("lens", pod.name), None, pod)
    exporters, nodes = index.current()
    assert (len(exporters), nodes) == (count, count)
    looked_at.clear()
    index.put(PodKey("lens", "p3"), pods[3], msgspec.structs.replace(pods[3], ip="10.0.0.2"))
    after, nodes = index.current()
    assert (looked_at, list(after.differing(exporters)), nodes) == (["n3"], ["n3"], count)
    assert index.current()[0] is after
    index.put_daemonset(PodKey("lens", "agent"), DaemonSet("another", count))
    assert len(index.current()[0]) == 0


def test_an_agents_coming_and_going_moves_the_snapshot_and_no_figure() -> None:
    ledger = Ledger(TaintPolicy())
    before = ledger.snapshot()
    ledger.put_pod(PodKey("lens", "agent-1"), SELECTOR.read(agent_pod()))
    after = ledger.snapshot()
    assert after.sequence == before.sequence + 1
    assert (after.states, after.nodes) == (before.states, before.nodes)
    assert ledger.snapshot() is after


@pytest.mark.parametrize("labels", ["", "app", "=x", "app=a,", "app!=a", "app==a"])
def test_labels_that_are_none_are_refused(labels: str) -> None:
    with pytest.raises(ValueError, match="is not a label"):
        ExporterSelector.parse("lens", labels, None)
