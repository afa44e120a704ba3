"""Amounts of what nodes offer and pods ask for."""

import operator
from typing import NamedTuple

GPU = "nvidia.com/gpu"
SHARED_GPU = "nvidia.com/gpu.shared"
MIG_DEVICE = "nvidia.com/mig-1g.10gb"


class ResourceList(NamedTuple):
    """Whole GPUs, thousandths of a CPU, MiB of memory, pod slots, replicas of GPUs and MIG devices.

    Source: core/v1 ResourceList.
    """

    gpus: int = 0
    milli_cpu: int = 0
    memory: int = 0
    pods: int = 0
    shared_gpus: int = 0
    mig_devices: int = 0

    @property
    def devices(self) -> int:
        """Return how many devices a device plugin has to hand out for it."""
        return self.gpus + self.shared_gpus + self.mig_devices

    @property
    def device_resource(self) -> str:
        """Return the resource that its devices are of. Nothing here asks for two of them."""
        if self.mig_devices:
            return MIG_DEVICE
        return SHARED_GPU if self.shared_gpus else GPU

    def plus(self, other: "ResourceList") -> "ResourceList":
        """Return the sum, resource by resource."""
        return ResourceList(*map(operator.add, self, other))

    def minus(self, other: "ResourceList") -> "ResourceList":
        """Return the difference, resource by resource."""
        return ResourceList(*map(operator.sub, self, other))

    def most(self, other: "ResourceList") -> "ResourceList":
        """Return the larger amount of each resource."""
        return ResourceList(*map(max, self, other))

    def quantities(self) -> dict[str, str]:
        """Return the amounts as Kubernetes writes them, without those that are 0."""
        amounts = {
            "cpu": (self.milli_cpu, f"{self.milli_cpu}m"),
            "memory": (self.memory, f"{self.memory}Mi"),
            GPU: (self.gpus, str(self.gpus)),
            "pods": (self.pods, str(self.pods)),
            SHARED_GPU: (self.shared_gpus, str(self.shared_gpus)),
            MIG_DEVICE: (self.mig_devices, str(self.mig_devices)),
        }
        return {name: quantity for name, (amount, quantity) in amounts.items() if amount}
