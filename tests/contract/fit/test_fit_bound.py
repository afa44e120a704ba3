"""Pods that name their nodes, and a DaemonSet's: what keeps them off is not all that keeps others off."""

import json
from typing import Any

import pytest

from tests.contract.conftest import NOW, Serve
from tests.contract.fit.fit_requests import containers, post, workload
from tests.contract.kubernetes import Cluster, Manifest, node, pod

HOST = "kubernetes.io/hostname"
APART: Manifest = {
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": HOST, "labelSelector": {"matchLabels": {"app": "a"}}}
            ]
        }
    }
}
TOLERATED = [{"operator": "Exists"}]


def tainted(effect: str, key: str = "dedicated") -> Manifest:
    return {"key": key, "value": "x", "effect": effect}


@pytest.fixture
def hosts(cluster: Cluster) -> Cluster:
    """Return a cluster of a cordoned node with an app, one to be left, and ones with taints."""
    cluster.add(node("cordoned", labels={HOST: "cordoned"}, cordoned=True))
    cluster.add(pod("there", "cordoned", 1, namespace="default", labels={"app": "a"}))
    cluster.add(node("tainted", taints=[tainted("NoSchedule")]))
    cluster.add(node("left", taints=[tainted("NoExecute")]))
    cluster.publish(NOW)
    return cluster


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        (containers(7, nodeName="cordoned"), "yes"),
        (containers(8, nodeName="cordoned"), "no"),
        (containers(1, nodeName="cordoned", **APART), "yes"),
        (containers(1, nodeName="cordoned", nodeSelector={HOST: "tainted"}), "no"),
        (containers(1, nodeName="cordoned", schedulerName="volcano"), "yes"),
        (containers(1, nodeName="tainted"), "yes"),
        (containers(1, nodeName="left"), "no"),
        (containers(1, nodeName="left", tolerations=TOLERATED), "yes"),
        (containers(1, nodeName="gone"), "no"),
        (containers(1), "no"),
    ],
)
async def test_a_kubelet_decides_on_a_pod_that_names_its_node(
    hosts: Cluster, serve: Serve, spec: Manifest, fits: str
) -> None:
    data = (await post(await serve(), workload(spec=spec, labels={"app": "a"}))).data
    assert (data["fits"], data["complete"]) == (fits, True)


async def test_nobody_allocates_claims_for_a_pod_that_names_its_node(hosts: Cluster, serve: Serve) -> None:
    claim = {"kind": "ResourceClaim", "metadata": {"name": "c"}, "spec": {"devices": {"requests": []}}}
    asking: Any = containers(nodeName="cordoned", resourceClaims=[{"name": "c", "resourceClaimName": "c"}])
    body = f"{workload(spec=asking)}\n---\n{json.dumps(claim)}"
    data = (await post(await serve(), body)).data
    assert (data["fits"], data["complete"]) == ("unknown", False)
    assert "dynamic_resources" in data["not_checked"]


@pytest.mark.parametrize(
    ("spec", "replicas", "placed"),
    [
        (containers(), 1, 1),
        (containers(hostNetwork=True), 2, 2),
        (containers(nodeName="cordoned"), 1, 1),
        (containers(nodeName="tainted"), 0, 0),
    ],
)
async def test_a_daemonsets_controller_has_rules_of_its_own(
    hosts: Cluster, serve: Serve, spec: Manifest, replicas: int, placed: int
) -> None:
    hosts.add(node("offline", taints=[tainted("NoSchedule", "node.kubernetes.io/network-unavailable")]))
    hosts.publish(NOW)
    data = (await post(await serve(), workload("DaemonSet", {"template": {"spec": spec}}))).data
    assert (data["fits"], data["replicas"], data["placed"]) == ("yes", replicas, placed)
