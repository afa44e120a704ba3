"""The kinds of nodes: eight GPUs of a product on each, and the way in which they are offered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lens_sim.objects.resourcelist import MIG_DEVICE, ResourceList

GPUS = 8
"""The physical GPUs of every node."""

REPLICAS = 4
"""The units of a GPU with time-slicing."""

INSTANCES = 7
"""The MIG devices of a GPU."""

_MACHINE = ResourceList(milli_cpu=128_000, memory=1_048_576, pods=110)


@dataclass(frozen=True, eq=False)
class Pool:
    """Nodes of one kind, and what they have. `product` is NVML's name, `labels` are GPU feature discovery's.

    The devices of a `dynamic` one are a DRA driver's, and in no node's capacity.
    """

    has: str
    product: str
    memory_mib: int
    capacity: ResourceList
    labels: Mapping[str, str] = field(default_factory=dict)
    dynamic: bool = False

    @property
    def whole(self) -> bool:
        """Return whether a device is a whole GPU."""
        return self.parts == 1

    @property
    def parts(self) -> int:
        """Return how many devices share a GPU."""
        return 1 if self.dynamic else self.capacity.devices // GPUS

    def all_labels(self) -> dict[str, str]:
        """Return the labels of the pool's nodes about their GPUs."""
        return {
            "nvidia.com/gpu.count": str(GPUS),
            "nvidia.com/gpu.memory": str(self.memory_mib),
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.product": self.product.replace(" ", "-"),
            "nvidia.com/gpu.replicas": "1",
            **self.labels,
        }


_H100 = ("NVIDIA H100 80GB HBM3", 81_559)
_A100 = ("NVIDIA A100-SXM4-80GB", 81_920)

WHOLE = Pool("whole GPUs", *_H100, _MACHINE.plus(ResourceList(gpus=GPUS)))
TIME_SLICED = Pool(
    "time-sliced GPUs",
    *_H100,
    _MACHINE.plus(ResourceList(shared_gpus=GPUS * REPLICAS)),
    {"nvidia.com/gpu.replicas": str(REPLICAS), "nvidia.com/gpu.sharing-strategy": "time-slicing"},
)
PARTITIONED = Pool(
    "MIG devices",
    *_H100,
    _MACHINE.plus(ResourceList(mig_devices=GPUS * INSTANCES)),
    {
        "nvidia.com/mig.capable": "true",
        "nvidia.com/mig.strategy": "mixed",
        f"{MIG_DEVICE}.count": str(GPUS * INSTANCES),
        f"{MIG_DEVICE}.memory": "9728",
    },
)
DYNAMIC = Pool("GPUs to claim (DRA)", *_A100, _MACHINE, dynamic=True)


def every_pool(nodes: int) -> Sequence[Pool]:
    """Return the pool of each of so many nodes, all four pools if there are enough nodes."""
    dynamic = max(1, nodes // 5) if nodes >= 4 else 0
    partitioned = max(1, nodes // 10) if nodes >= 5 else 0
    sliced = max(1, nodes // 10) if nodes >= 6 else 0
    whole = nodes - dynamic - partitioned - sliced
    return [WHOLE] * whole + [TIME_SLICED] * sliced + [PARTITIONED] * partitioned + [DYNAMIC] * dynamic
