"""A node with simulated GPUs and a kubelet, and the real agent on it as a process of its own."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lens_sim.node.nvml import library
from tests.integration.agent.node import Node
from tests.required import program


@pytest.fixture(scope="session")
def nvml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the simulated NVML library, compiled once a session with warnings as errors."""
    program("cc")
    folder = tmp_path_factory.getbasetemp()
    # pytest-xdist gives each worker a folder of its own in one of the session's.
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with (shared / "nvml.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return library.build(shared)


@pytest.fixture
def node(nvml: Path, tmp_path: Path) -> Iterator[Node]:
    """Return a node; what runs on it is ended with the test."""
    node = Node(nvml, tmp_path)
    yield node
    node.stop()
