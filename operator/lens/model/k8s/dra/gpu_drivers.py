"""The drivers of dynamic resource allocation (DRA) whose devices are GPUs."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache

from lens.model.k8s.bounds import LONGEST_NAME
from lens.model.k8s.vendors import GPU_DRIVERS


class GpuDrivers:
    """Decide which drivers' devices are GPUs."""

    def __init__(self, patterns: Iterable[str] = GPU_DRIVERS) -> None:
        """Take names; ``*`` matches anything, a leading ``!`` excludes names."""
        patterns = tuple(patterns)
        included = [pattern for pattern in patterns if not pattern.startswith("!")]
        excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]

        # There are few drivers, but a claim's status may have any text.
        @lru_cache(maxsize=1024)
        def matches(driver: str) -> bool:
            return any(fnmatchcase(driver, each) for each in included) and not any(
                fnmatchcase(driver, each) for each in excluded
            )

        self._matches = matches

    def __contains__(self, driver: str) -> bool:
        """Return whether a driver's devices are GPUs."""
        return len(driver) <= LONGEST_NAME and self._matches(driver)
