"""A node with simulated GPUs and a kubelet, and the real agent on it as a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lens.sim.nvml import library
from tests.integration.agent.node import Node


@pytest.fixture(scope="session")
def nvml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the simulated NVML library, compiled with warnings as errors."""
    return library.build(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def node(nvml: Path, tmp_path: Path) -> Iterator[Node]:
    """Return a node; what runs on it is ended with the test."""
    node = Node(nvml, tmp_path)
    yield node
    node.stop()
