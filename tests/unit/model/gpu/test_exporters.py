"""Which pods are believed to tell of GPUs: nobody else's, whatever labels they have copied."""

from typing import Any

import msgspec
import pytest

from lens.model.gpu.exporters import DaemonSet, ExporterPod, ExporterSelector
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
    assert ledger.snapshot().exporters == ()
    ledger.put_daemonset(PodKey("lens", "lens-agent"), DaemonSet("ds-uid"))
    ledger.put_daemonset(PodKey("tenant", "lens-agent"), DaemonSet("forged"))
    assert [pod.name for pod in ledger.snapshot().exporters] == ["agent-1"]
    ledger.put_daemonset(PodKey("lens", "lens-agent"), None)
    assert ledger.snapshot().exporters == ()


def test_without_a_daemonset_to_hold_them_against_all_are_believed() -> None:
    ledger = Ledger(TaintPolicy())
    ledger.put_pod(PodKey("lens", "copy"), SELECTOR.read(agent_pod(name="copy", ownerReferences=None)))
    assert [pod.name for pod in ledger.snapshot().exporters] == ["copy"]
    ledger.put_pod(PodKey("lens", "copy"), None)
    assert ledger.snapshot().exporters == ()


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
