"""The machine under a simulated node, as a real agent sees it: simulated GPUs and a kubelet's socket."""

import time
from collections.abc import Sequence
from pathlib import Path

from lens_sim.cluster.nodes import Node
from lens_sim.cluster.pods import Pod
from lens_sim.node.activity import IDLE, activity
from lens_sim.node.nvml.scenario import Gpu, Scenario
from lens_sim.node.podresources import Container, PodResourcesServer
from lens_sim.node.podresources import Pod as ListedPod
from lens_sim.objects.resourcelist import GPU


class Host:
    """A machine whose GPUs do what the pods on its node do. Its files are in `folder`."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.node = node
        self.scenario = folder / f"{node.name}.scenario"
        self._kubelet = PodResourcesServer(folder / f"{node.name}.sock")
        # Not now: each machine is at another point of its waves.
        self._start = time.time() - 100.0 * node.number
        self._seen: object = None

    @property
    def socket(self) -> Path:
        """Return where the kubelet answers."""
        return self._kubelet.socket

    def start(self, pods: Sequence[Pod]) -> None:
        """Start the kubelet, with these pods on the node."""
        self.follow(pods)
        self._kubelet.start()

    def stop(self) -> None:
        """Stop the kubelet."""
        self._kubelet.stop()

    def follow(self, pods: Sequence[Pod]) -> None:
        """Let GPUs and kubelet be as the pods are, if that has changed."""
        seen = (self.node.devices.healthy, [(pod.key, pod.phase, pod.devices) for pod in pods])
        if seen == self._seen:
            return
        self._seen = seen
        self._kubelet.allocatable = {GPU: self.node.devices.healthy}
        self._kubelet.pods = [_listed(pod) for pod in pods]
        Scenario(self._gpus(pods), start=self._start).write(self.scenario)

    def _gpus(self, pods: Sequence[Pod]) -> list[Gpu]:
        doing = {device: act for pod in pods for device, act in activity(pod).items()}
        return [
            Gpu(uuid=device, minor=minor, utilization=act.utilization, memory=act.memory)
            for minor, device in enumerate(self.node.devices.uuids)
            for act in [doing.get(device, IDLE)]
        ]


def _listed(pod: Pod) -> ListedPod:
    """Write a pod as the kubelet lists it: without init containers that end."""
    containers = {"main": (), **pod.shape.devices(pod.devices)}
    return ListedPod(
        pod.namespace,
        pod.name,
        [Container(name, {GPU: devices} if devices else {}) for name, devices in containers.items()],
    )
