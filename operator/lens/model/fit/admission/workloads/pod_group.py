"""Equal pods of a workload, and where the manifest has their template."""

import msgspec

from lens.model.fit.admission.json_values import Object


class PodGroup(msgspec.Struct, frozen=True):
    """Equal pods. ``field`` is where their template stands, ``replicas`` None for one on each node."""

    name: str
    field: str
    template: Object
    replicas: int | None = 1
    also: tuple[str, ...] = ()
    """What belongs to them and isn't checked."""
    owners: int = 1
    """Over how many Jobs, or groups of a LeaderWorkerSet, they are spread."""
    about_others: bool = False
    """Whether their rules are about labels of which only their controllers know the values."""
    unchecked: tuple[str, ...] = ()
    """What may keep them from starting, and no filter checks."""
