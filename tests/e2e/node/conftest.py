"""One node for all of its tests, and Lens installed anew for each file of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.programs.components import NODE
from tests.e2e.node.commands import Commands, eventually
from tests.e2e.node.host import prerequisites
from tests.e2e.node.host.device_plugin import RESOURCE
from tests.e2e.node.host.gpus import COUNT, Gpus
from tests.e2e.node.host.inside import ARCHIVES, CGROUP
from tests.e2e.node.host.machine import Machine
from tests.e2e.node.release import Caller, Release, binding, fast


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip with the reason what can't run here."""
    reason = "; ".join(prerequisites.missing())
    if reason:
        reason = f"a real node needs {reason}"
    elif CGROUP not in os.environ:
        reason = "a real node runs in namespaces of its own: `make e2e`, or `python -m tests.e2e.node`"
    if reason:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason))


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """Return the node, up."""
    up = Machine.up([Path(each) for each in os.environ[ARCHIVES].split(os.pathsep)])
    yield up
    up.down()


@pytest.fixture(scope="session")
def commands(machine: Machine) -> Commands:
    """Return the administrator's kubectl and helm."""
    commands = Commands(machine.control_plane.kubeconfig)
    eventually(lambda: is_ready(commands), "ready node")
    return commands


def is_ready(commands: Commands) -> bool:
    """Tell whether the node is ready and takes pods."""
    for node in commands.items("nodes"):
        conditions = {each["type"]: each["status"] for each in node["status"].get("conditions", ())}
        return (
            conditions.get("Ready") == "True"
            and not node["spec"].get("taints")
            and node["metadata"]["name"] == NODE
        )
    return False


@pytest.fixture(scope="session")
def gpus(commands: Commands) -> Iterator[Gpus]:
    """Return the node's GPUs, which the kubelet knows of."""
    gpus = Gpus()
    gpus.play({})
    gpus.plugin.start()

    def allocatable() -> bool:
        return bool(commands.get("node", NODE)["status"]["allocatable"].get(RESOURCE) == str(COUNT))

    eventually(allocatable, f"{COUNT} GPUs")
    yield gpus
    gpus.plugin.stop()


@pytest.fixture(scope="module")
def release(commands: Commands, gpus: Gpus) -> Iterator[Release]:
    """Return Lens, installed by Helm, on the simulated GPUs."""
    release = Release(commands, fast(gpus.values()))
    with release.installed():
        yield release


@pytest.fixture
def viewer(release: Release) -> Caller:
    """Return somebody who may see everything."""
    release.commands.apply(binding("viewer"))
    return Caller.create(release, "viewer")
