"""The devices of each pod on a node, as a kubelet's device manager stores them."""

import uuid
from collections.abc import Mapping, Sequence

from lens_sim.cluster.pools import GPUS, INSTANCES, REPLICAS, WHOLE, Pool


class DeviceManager:
    """The devices of one node: its GPUs by their uuids, in the order of their indexes, or parts of them.

    No two nodes have one in common.
    """

    def __init__(self, node: str, pool: Pool = WHOLE) -> None:
        def made_up(name: str) -> str:
            return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.{node}"))

        self.uuids = tuple(f"GPU-{made_up(str(n))}" for n in range(GPUS))
        self.instances: Mapping[str, Sequence[str]] = {}
        """The MIG devices of each GPU."""
        self._devices = self.uuids
        if pool.capacity.mig_devices:
            self.instances = {
                gpu: tuple(f"MIG-{made_up(f'{number}.{gpu}')}" for number in range(INSTANCES))
                for gpu in self.uuids
            }
            self._devices = tuple(device for devices in self.instances.values() for device in devices)
        elif pool.capacity.shared_gpus:
            # The plugin spreads: it allocates the least shared device.
            self._devices = tuple(f"{gpu}::{replica}" for replica in range(REPLICAS) for gpu in self.uuids)
        self._free = list(self._devices)
        self._unhealthy: str | None = None

    @property
    def healthy(self) -> tuple[str, ...]:
        """Return the devices that the plugin lists as healthy: only these can be allocated."""
        return tuple(device for device in self._devices if device != self._unhealthy)

    @property
    def unhealthy(self) -> str | None:
        """Return the device that is not healthy, if there is one."""
        return self._unhealthy

    @property
    def free(self) -> int:
        """Return how many devices can be given out."""
        return len(self._free)

    @property
    def held(self) -> int:
        """Return how many devices are given out."""
        return len(self.healthy) - len(self._free)

    def allocate(self, count: int) -> tuple[str, ...]:
        """Give out free devices, the lowest indexes first. There must be so many."""
        assert count <= len(self._free)
        given, self._free = tuple(self._free[:count]), self._free[count:]
        return given

    def take_back(self, devices: Sequence[str]) -> None:
        """Take devices back."""
        self._free = [device for device in self.healthy if device in self._free or device in devices]

    def fail(self) -> None:
        """Let a free GPU turn unhealthy: the one that would be given out last."""
        self._unhealthy = self._free.pop()

    def heal(self) -> None:
        """Let the unhealthy GPU be as the others again."""
        if self._unhealthy is not None:
            back, self._unhealthy = self._unhealthy, None
            self.take_back((back,))
