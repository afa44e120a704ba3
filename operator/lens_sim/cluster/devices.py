"""Which of its node's GPUs each pod was given, as a kubelet's device manager keeps it."""

import uuid
from collections.abc import Sequence


class DeviceManager:
    """The GPUs of one node by their uuids, in the order of their indexes; no two nodes have one in common."""

    def __init__(self, node: str, gpus: int) -> None:
        self.uuids = tuple(f"GPU-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{n}.{node}')}" for n in range(gpus))
        self._free = list(self.uuids)
        self._unhealthy: str | None = None

    @property
    def healthy(self) -> tuple[str, ...]:
        """Return what the device plugin lists as healthy: only that can be given out."""
        return tuple(device for device in self.uuids if device != self._unhealthy)

    def allocate(self, count: int) -> tuple[str, ...]:
        """Give out free devices, the lowest indexes first. There must be so many."""
        assert count <= len(self._free)
        given, self._free = tuple(self._free[:count]), self._free[count:]
        return given

    def free(self, devices: Sequence[str]) -> None:
        """Take devices back."""
        self._free = [device for device in self.healthy if device in self._free or device in devices]

    def fail(self) -> None:
        """Let a free GPU turn unhealthy: the one that would be given out last."""
        self._unhealthy = self._free.pop()

    def heal(self) -> None:
        """Let the unhealthy GPU be as the others again."""
        if self._unhealthy is not None:
            back, self._unhealthy = self._unhealthy, None
            self.free((back,))
