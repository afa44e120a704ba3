"""Equal pods of a workload, and where the manifest has their template."""

import msgspec

from lens.model.fit.admission.json_values import Object


class PodGroup(msgspec.Struct, frozen=True):
    """Equal pods. ``field`` is the path of their template, ``replicas`` None for one on each node."""

    name: str
    field: str
    template: Object
    replicas: int | None = 1
    also: tuple[str, ...] = ()
    """The parts of the workload that aren't checked."""
    owners: int = 1
    """The number of Jobs, or groups of a LeaderWorkerSet, that they belong to."""
    about_others: bool = False
    """Whether their rules are about labels of which only their controllers know the values."""
    unchecked: tuple[str, ...] = ()
    """Reasons why they may not start that no filter checks."""
