"""Which drivers of dynamic resource allocation (DRA) hand out GPUs."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from lens.model.k8s.vendors import GPU_DRIVERS


class GpuDrivers:
    """Decide which drivers' devices are GPUs."""

    def __init__(self, patterns: Iterable[str] = GPU_DRIVERS) -> None:
        """Take names; ``*`` matches anything, a leading ``!`` excludes names."""
        patterns = tuple(patterns)
        self._included = [pattern for pattern in patterns if not pattern.startswith("!")]
        self._excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]

    def __contains__(self, driver: str) -> bool:
        """Tell whether a driver's devices are GPUs."""
        return any(fnmatchcase(driver, each) for each in self._included) and not any(
            fnmatchcase(driver, each) for each in self._excluded
        )
