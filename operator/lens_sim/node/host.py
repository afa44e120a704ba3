"""The machine under a simulated node, as a real agent sees it: simulated GPUs and a kubelet's socket."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lens_sim.cluster.nodes import Node
from lens_sim.cluster.pods import Pod
from lens_sim.cluster.slices import DRIVER, device_name
from lens_sim.node.activity import Activity, activity, bounds, together
from lens_sim.node.nvml.scenario import Gpu, Instance, Scenario, Xid
from lens_sim.node.podresources import Claim, Container, PodResourcesServer
from lens_sim.node.podresources import Pod as ListedPod

_AMPERE = 7  # NVML_DEVICE_ARCH_AMPERE
_FIRST_INSTANCE = 7  # the id of the first of seven GPU instances, as NVML numbers them


class Host:
    """A machine whose GPUs are used by the pods on its node. Its files are in `folder`."""

    def __init__(self, node: Node, folder: Path) -> None:
        self.node = node
        self.scenario = folder / f"{node.name}.scenario"
        self._kubelet = PodResourcesServer(folder / f"{node.name}.sock")
        # Not now: each machine is at another point of its waves.
        self._start = time.time() - 100.0 * node.number
        self._state: object = None
        self._xids: dict[str, list[Xid]] = {}

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
        """Update GPUs and kubelet to the pods, if these have changed."""
        state = (self.node.devices.healthy, [(pod.key, pod.phase, pod.devices) for pod in pods])
        if state == self._state:
            return
        self._state = state
        pool = self.node.pool
        if not pool.dynamic:
            self._kubelet.allocatable = {pool.capacity.device_resource: self.node.devices.healthy}
        self._kubelet.pods = [_listed(pod) for pod in pods]
        Scenario(self._gpus(pods), start=self._start).write(self.scenario)

    def report_xid(self, gpu: str, number: int, pods: Sequence[Pod]) -> None:
        """Let a GPU report an XID error now."""
        self._xids.setdefault(gpu, []).append(Xid(number, at=time.time() - self._start))
        self._state = None
        self.follow(pods)

    def _gpus(self, pods: Sequence[Pod]) -> list[Gpu]:
        doing: dict[str, list[Activity]] = {}
        for pod in pods:
            for device, act in activity(pod).items():
                doing.setdefault(device.partition("::")[0], []).append(act)
        return [self._gpu(minor, uuid, doing) for minor, uuid in enumerate(self.node.devices.uuids)]

    def _gpu(self, minor: int, uuid: str, doing: Mapping[str, Sequence[Activity]]) -> Gpu:
        act = together(doing.get(uuid, ()))
        gpu = Gpu(
            uuid=uuid,
            name=self.node.pool.product,
            minor=minor,
            utilization=act.utilization,
            memory=act.memory,
            xids=self._xids.get(uuid, []),
        )
        if self.node.pool.dynamic:
            gpu.architecture = _AMPERE
        for number, instance in enumerate(self.node.devices.instances.get(uuid, ())):
            act = together(doing.get(instance, ()))
            gpu.mig = True
            gpu.instances.append(
                Instance(
                    gpu_instance=_FIRST_INSTANCE + number,
                    uuid=instance,
                    used_memory=round(bounds(act.memory)[1]),
                    utilization=act.utilization,
                )
            )
        return gpu


def _listed(pod: Pod) -> ListedPod:
    """Write a pod as the kubelet lists it: without init containers that end."""
    containers = {"main": (), **pod.shape.devices(pod.devices)}
    return ListedPod(
        pod.namespace, pod.name, [_container(pod, name, devices) for name, devices in containers.items()]
    )


def _container(pod: Pod, name: str, devices: Sequence[str]) -> Container:
    if not devices:
        return Container(name)
    claim = pod.claim
    if claim is None:
        return Container(name, {pod.shape.requests.device_resource: devices})
    assert claim.node is not None
    return Container(
        name,
        claims=[
            Claim(
                claim.name,
                DRIVER,
                claim.node.name,
                device_name(claim.node, device),
                namespace=claim.namespace,
            )
            for device in devices
        ],
    )
