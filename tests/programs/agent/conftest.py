"""A node with simulated GPUs and a kubelet, and the real agent on it as a process of its own."""

from tests.integration.agent.conftest import node, nvml

__all__ = ["node", "nvml"]
