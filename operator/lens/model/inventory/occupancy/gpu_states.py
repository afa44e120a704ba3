"""Numbers of GPUs by state; each GPU is in exactly one."""

import msgspec


class GpuStates(msgspec.Struct, frozen=True, gc=False):
    """Numbers of GPUs by state."""

    allocated: int = 0
    unhealthy: int = 0
    unavailable: int = 0
    available: int = 0

    @property
    def total(self) -> int:
        """Return the number of GPUs in all states."""
        return self.allocated + self.unhealthy + self.unavailable + self.available

    def __add__(self, other: "GpuStates") -> "GpuStates":
        """Add state by state."""
        return GpuStates(
            self.allocated + other.allocated,
            self.unhealthy + other.unhealthy,
            self.unavailable + other.unavailable,
            self.available + other.available,
        )

    def __sub__(self, other: "GpuStates") -> "GpuStates":
        """Subtract state by state."""
        return GpuStates(
            self.allocated - other.allocated,
            self.unhealthy - other.unhealthy,
            self.unavailable - other.unavailable,
            self.available - other.available,
        )
