import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from lens_sim.cluster.fleet import Fleet
from lens_sim.objects.resources import PODS
from lens_sim.objects.store import Store
from tests.integration.sim.conftest import Kubectl
from tests.integration.sim.manifests import pod


@pytest.fixture
def fleet(store: Store) -> Fleet:
    return Fleet(store, datetime.now(UTC), seed=1)


async def test_kubectl_lists_the_pods_of_all_namespaces(store: Store, fleet: Fleet, kubectl: Kubectl) -> None:
    lines = (await kubectl("get", "pods", "-A", "--chunk-size=7")).splitlines()
    assert lines[0].split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert len(lines) - 1 == len(store.snapshot(PODS))
    assert any(
        line.split() == ["ml-team", "training-job-1-worker-0", "1/1", "Running", "0", "2d5h"]
        for line in lines
    )


async def test_kubectl_lists_nodes_with_their_state(store: Store, fleet: Fleet, kubectl: Kubectl) -> None:
    now = datetime.now(UTC)
    cordoned = "spec.unschedulable=true"
    while "gpu-node" not in (await kubectl("get", "nodes", "--field-selector", cordoned, "-o", "name")):
        now += timedelta(minutes=2)
        fleet.step(now)
    out = await kubectl("get", "nodes")
    assert len(out.splitlines()) == 11
    assert "Ready,SchedulingDisabled" in out
    assert "simulated" in await kubectl("version")


async def test_kubectl_lists_daemon_sets(fleet: Fleet, kubectl: Kubectl) -> None:
    lines = (await kubectl("get", "daemonsets", "-A")).splitlines()
    assert lines[0].split("  ")[0] == "NAMESPACE"
    assert lines[1].split()[:7] == ["gpu-operator", "nvidia-device-plugin", "10", "10", "10", "10", "10"]
    assert lines[2].split()[:7] == ["lens", "lens-agent", "10", "10", "10", "10", "10"]
    named = await kubectl("get", "ds", "-n", "lens", "lens-agent", "-o", "jsonpath={.metadata.uid}")
    owner = "jsonpath={.items[*].metadata.ownerReferences[0].uid}"
    owners = await kubectl(
        "get", "pods", "-n", "lens", "-l", "app.kubernetes.io/name=lens-agent", "-o", owner
    )
    assert owners.split() == [named] * 10


async def test_kubectl_selects_and_prints_json(store: Store, fleet: Fleet, kubectl: Kubectl) -> None:
    count = len(store.snapshot(PODS, namespace="ml-team"))
    out = await kubectl("get", "pods", "-n", "ml-team", "-o", "json")
    assert len(msgspec.json.decode(out)["items"]) == count
    running = await kubectl("get", "pods", "-A", "--field-selector", "spec.nodeName=gpu-node-1", "-o", "name")
    assert "training-job-1-worker-0" in running
    by_label = await kubectl(
        "get", "pods", "-A", "-l", "app in (chat-inference-1),pod-template-hash", "-o", "name"
    )
    assert by_label.count("pod/chat-inference-1-") == 2


async def test_kubectl_describes_what_a_person_asks_about(
    store: Store, fleet: Fleet, kubectl: Kubectl
) -> None:
    described = await kubectl("describe", "node", "gpu-node-1")
    assert "training-job-1-worker-0" in described
    assert "nvidia.com/gpu:NoSchedule" in described
    described = await kubectl("describe", "pod", "-n", "ml-team", "training-job-1-worker-0")
    assert "Job/training-job-1" in described
    assert "nvidia.com/gpu:  4" in described


async def test_kubectl_says_why_something_can_not_be_done(kubectl: Kubectl) -> None:
    assert 'pods "none" not found' in await kubectl("get", "pod", "none", fails=True)
    assert "field label not supported" in await kubectl(
        "get", "pods", "--field-selector", "spec.x=1", fails=True
    )
    assert "does not allow this method" in await kubectl("create", "namespace", "x", fails=True)


async def test_kubectl_follows_pods_as_they_change(store: Store, command: list[str]) -> None:
    now = datetime.now(UTC)
    store.put(PODS, pod("first"), now)
    process = await asyncio.create_subprocess_exec(
        *command, "get", "pods", "-A", "--watch", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert b"NAMESPACE" in await process.stdout.readline()
        assert b"first" in await process.stdout.readline()
        store.put(PODS, pod("second", phase="Pending"), now)
        assert (await process.stdout.readline()).split()[1:4] == [b"second", b"0/1", b"Pending"]
        store.delete(PODS, "ns/first")
        assert b"first" in await process.stdout.readline()
    process.terminate()
    await process.wait()
