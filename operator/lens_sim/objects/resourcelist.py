"""Amounts of what nodes offer and pods ask for."""

from typing import NamedTuple

GPU = "nvidia.com/gpu"


class ResourceList(NamedTuple):
    """Whole GPUs, thousandths of a CPU, MiB of memory and pod slots (core/v1 ResourceList)."""

    gpus: int = 0
    milli_cpu: int = 0
    memory: int = 0
    pods: int = 0

    def plus(self, other: "ResourceList") -> "ResourceList":
        """Return the sum, resource by resource."""
        return ResourceList(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def minus(self, other: "ResourceList") -> "ResourceList":
        """Return the difference, resource by resource."""
        return ResourceList(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))

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
        }
        return {name: quantity for name, (amount, quantity) in amounts.items() if amount}
