"""What breaks on a node costs figures for as long as it is broken, and no longer."""

import base64
from collections.abc import Iterator

import pytest
import requests

from tests.e2e.cluster.programs.components import NODE
from tests.e2e.node.commands import Commands, eventually
from tests.e2e.node.conftest import is_ready
from tests.e2e.node.host import images
from tests.e2e.node.host.gpus import COUNT, Gpus
from tests.e2e.node.host.machine import Machine
from tests.e2e.node.release import STATUS, TASKS, Caller, Release, gpu_pod

POD = "training"
SECRET = "lens-agent-token"


@pytest.fixture(scope="module", autouse=True)
def training(commands: Commands, gpus: Gpus) -> Iterator[None]:
    """Have a pod hold three GPUs."""
    commands.apply(gpu_pod(POD, "default", 3, images.PAUSE))
    commands.kubectl("wait", "--for=condition=Ready", "--timeout=60s", f"pod/{POD}")
    yield
    commands.kubectl("delete", "pod", POD)


def _whole(viewer: Caller) -> bool:
    """Tell whether both replicas know all: who holds which GPUs, and how busy each one is."""
    whole = True
    for status, tasks in zip(viewer.everywhere(STATUS), viewer.everywhere(TASKS), strict=True):
        usage = status["current_gpu_usage"]
        whole &= (usage["total_gpus"], usage["allocated_gpus"]) == (COUNT, 3)
        whole &= status["telemetry"]["coverage"] == 1
        whole &= [len(task["gpu_uuids"] or ()) for task in tasks["tasks"]] == [3]
    return whole


def test_a_node_whose_kubelet_and_containerd_start_anew_is_known_again(
    commands: Commands, machine: Machine, gpus: Gpus, viewer: Caller
) -> None:
    eventually(lambda: _whole(viewer), "knowledge of all")
    before = {pod["metadata"]["uid"] for pod in commands.items("pods", "--all-namespaces")}
    for program in ("kubelet", "containerd"):
        machine.process(program).kill()
    gpus.plugin.stop()
    machine.start("containerd")
    machine.start("kubelet")
    gpus.plugin.start()
    eventually(lambda: is_ready(commands), "ready node")
    print(f"\n  all known {eventually(lambda: _whole(viewer), 'knowledge of all'):.1f} s later", end="")
    assert {pod["metadata"]["uid"] for pod in commands.items("pods", "--all-namespaces")} == before


def test_an_agent_that_is_killed_starts_anew_and_nothing_becomes_unknown(
    machine: Machine, release: Release, viewer: Caller
) -> None:
    eventually(lambda: _whole(viewer), "knowledge of all")

    def restarts() -> int:
        (agent,) = release.pods("agent")
        (container,) = agent["status"]["containerStatuses"]
        return int(container["restartCount"]) if container["ready"] else -1

    (agent,) = release.pods("agent")
    container = agent["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    before = restarts()
    machine.ctr("task", "kill", "--signal", "SIGKILL", container)
    unknown = 0

    def anew() -> bool:
        nonlocal unknown
        unknown += sum(
            told["current_gpu_usage"]["utilization_rate"] is None for told in viewer.everywhere(STATUS)
        )
        return restarts() == before + 1

    print(f"\n  an agent again after {eventually(anew, 'another agent'):.1f} s", end="")
    eventually(lambda: _whole(viewer), "knowledge of all")
    assert unknown == 0


def test_a_token_that_is_replaced_is_the_only_one_that_counts(
    commands: Commands, release: Release, viewer: Caller
) -> None:
    (agent,) = release.pods("agent")
    url = f"http://{agent['status']['podIP']}:9479/v1/devices"

    def status(token: str) -> int:
        return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10).status_code

    secret = commands.get("-n", release.namespace, "secret", SECRET)
    old = base64.b64decode(secret["data"]["token"]).decode()
    new = "another-token-that-is-long-enough-for-anybody-to-guess"
    assert [status(old), status(new)] == [200, 401]
    patch = f'{{"stringData": {{"token": "{new}"}}}}'
    release.kubectl("patch", "secret", SECRET, "--patch", patch)
    seconds = eventually(lambda: [status(old), status(new)] == [401, 200], "new token at the agent", 120)
    print(f"\n  the agent took it after {seconds:.1f} s", end="")
    eventually(lambda: _whole(viewer), "knowledge of all", 120)
    assert not release.pods("agent")[0]["status"]["containerStatuses"][0]["restartCount"] > 1


def test_a_node_without_gpus_has_no_agent_and_lens_is_well(
    commands: Commands, release: Release, viewer: Caller
) -> None:
    commands.kubectl("label", "node", NODE, "nvidia.com/gpu.present-")
    eventually(lambda: not release.pods("agent"), "node without an agent")
    status = commands.get("-n", release.namespace, "daemonset", "lens-agent")["status"]
    assert status["desiredNumberScheduled"] == 0
    assert requests.get(release.address() + "/readyz", timeout=10).status_code == 200
    assert viewer.data(STATUS)["current_gpu_usage"]["allocated_gpus"] == 3
    commands.kubectl("label", "node", NODE, "nvidia.com/gpu.present=true")
    eventually(lambda: _whole(viewer), "knowledge of all")
