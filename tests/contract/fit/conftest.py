"""The nodes of questions about fit."""

import pytest

from tests.contract.conftest import NOW
from tests.contract.kubernetes import Cluster, node, pod


@pytest.fixture
def nodes(cluster: Cluster) -> Cluster:
    cluster.add(
        node(
            "n1",
            labels={"zone": "a"},
            product="H100",
            taints=[{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
        ),
        node("n2", labels={"zone": "b"}, product="A100"),
        node("n3", cordoned=True),
        pod("one", "n1", 5, labels={"app": "one"}),
        pod("two", "n2", 2, namespace="other"),
    )
    cluster.publish(NOW)
    return cluster
