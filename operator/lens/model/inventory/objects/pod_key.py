"""The key of a pod in the store."""

from typing import NamedTuple


class PodKey(NamedTuple):
    """A namespace and a name."""

    namespace: str
    name: str
