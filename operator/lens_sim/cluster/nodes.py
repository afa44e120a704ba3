"""The simulated GPU nodes, and their troubles."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from lens_sim.cluster.devices import DeviceManager
from lens_sim.cluster.pools import WHOLE, Pool
from lens_sim.objects.resourcelist import ResourceList
from lens_sim.objects.resources import Object
from lens_sim.objects.taints import GPU_TAINT, NOT_READY, UNREACHABLE, UNSCHEDULABLE, Taint
from lens_sim.objects.timestamps import rfc3339

_SYSTEM_RESERVED = ResourceList(milli_cpu=500, memory=4_096)
_HEALTHY = {
    "MemoryPressure": ("False", "KubeletHasSufficientMemory"),
    "DiskPressure": ("False", "KubeletHasNoDiskPressure"),
    "PIDPressure": ("False", "KubeletHasSufficientPID"),
    "Ready": ("True", "KubeletReady"),
}


def loopback(number: int) -> str:
    """Return the loopback address of the node of a number."""
    return f"127.1.{number // 256}.{number % 256}"


class Trouble(Enum):
    """The kinds of trouble."""

    NOT_READY = auto()
    UNREACHABLE = auto()
    CORDONED = auto()
    GPU_UNHEALTHY = auto()


_TAINTS = {
    Trouble.NOT_READY: ((NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")),
    Trouble.UNREACHABLE: ((UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")),
    Trouble.CORDONED: ((UNSCHEDULABLE, "NoSchedule"),),
}


@dataclass(eq=False)
class Node:
    """A node with 8 GPUs; `allocated` is what its pods hold but for their claims."""

    number: int
    created: datetime
    heartbeat: datetime
    pool: Pool = WHOLE
    allocated: ResourceList = field(default_factory=ResourceList)
    trouble: Trouble | None = None
    changed: datetime | None = None
    devices: DeviceManager = field(init=False)
    _usable: ResourceList = field(init=False)

    def __post_init__(self) -> None:
        self.devices = DeviceManager(self.name, self.pool)
        self._usable = self.pool.capacity.minus(_SYSTEM_RESERVED)

    @property
    def name(self) -> str:
        """Return `gpu-node-1`, and so on."""
        return f"gpu-node-{self.number}"

    @property
    def address(self) -> str:
        """Return the node's own IP address."""
        return f"10.{self.number // 65536}.{self.number // 256 % 256}.{self.number % 256}"

    @property
    def loopback(self) -> str:
        """Return an address of the node's own on which a real process can listen."""
        return loopback(self.number)

    @property
    def allocatable(self) -> ResourceList:
        """Return what pods may hold: capacity without the system's share and without an unhealthy GPU."""
        if self.trouble is Trouble.GPU_UNHEALTHY and not self.pool.dynamic:
            return self._usable.minus(ResourceList(gpus=1))
        return self._usable

    @property
    def free(self) -> ResourceList:
        """Return what is allocatable and not allocated."""
        return self.allocatable.minus(self.allocated)

    @property
    def silent(self) -> bool:
        """Return whether the kubelet does nothing: no pod starts, ends or is reported."""
        return self.trouble in (Trouble.NOT_READY, Trouble.UNREACHABLE)

    @property
    def unschedulable(self) -> bool:
        """Return whether the node is cordoned."""
        return self.trouble is Trouble.CORDONED

    def befall(self, trouble: Trouble, at: datetime) -> None:
        """Start trouble. A GPU can turn unhealthy only if one is free."""
        self.trouble, self.changed = trouble, at
        if trouble is Trouble.GPU_UNHEALTHY:
            self.devices.fail()

    def recover(self, at: datetime) -> None:
        """End the trouble."""
        self.trouble, self.changed, self.heartbeat = None, at, at
        self.devices.heal()

    def taints(self) -> list[Taint]:
        """Return the node's taints: the GPU pool's, and what its trouble brings.

        A node that is not ready or unreachable has both effects (node lifecycle controller, 1.37).
        """
        if self.trouble is None:
            return [GPU_TAINT]
        return [GPU_TAINT, *(Taint(*taint, self.changed) for taint in _TAINTS.get(self.trouble, ()))]

    def manifest(self) -> Object:
        """Return the Node object."""
        return {
            "metadata": {
                "name": self.name,
                "creationTimestamp": rfc3339(self.created),
                "labels": {
                    "kubernetes.io/arch": "amd64",
                    "kubernetes.io/hostname": self.name,
                    "kubernetes.io/os": "linux",
                    "node.kubernetes.io/instance-type": "gpu-8x",
                    "topology.kubernetes.io/zone": f"zone-{'ab'[self.number % 2]}",
                    **self.pool.all_labels(),
                },
            },
            "spec": {
                "podCIDR": f"10.{128 + self.number // 256}.{self.number % 256}.0/24",
                "taints": [taint.manifest() for taint in self.taints()],
                **({"unschedulable": True} if self.unschedulable else {}),
            },
            "status": {
                "capacity": self.pool.capacity.quantities(),
                "allocatable": self.allocatable.quantities(),
                "conditions": self._conditions(),
                "addresses": [
                    {"type": "InternalIP", "address": self.address},
                    {"type": "Hostname", "address": self.name},
                ],
                "nodeInfo": {
                    "architecture": "amd64",
                    "containerRuntimeVersion": "containerd://2.4.2",
                    "kernelVersion": "6.12.0",
                    "kubeletVersion": "v1.37.2",
                    "operatingSystem": "linux",
                    "osImage": "Simulated",
                },
            },
        }

    def _conditions(self) -> list[Object]:
        return [self._condition(kind, *healthy) for kind, healthy in _HEALTHY.items()]

    def _condition(self, kind: str, status: str, reason: str) -> Object:
        changed = None
        if self.trouble is Trouble.UNREACHABLE:
            status, reason, changed = "Unknown", "NodeStatusUnknown", self.changed
        elif kind == "Ready":
            changed = self.changed
            if self.trouble is Trouble.NOT_READY:
                status, reason = "False", "KubeletNotReady"
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "lastHeartbeatTime": rfc3339(self.heartbeat),
            "lastTransitionTime": rfc3339(changed or self.created),
        }
