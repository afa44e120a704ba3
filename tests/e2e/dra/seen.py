"""The cluster's raw objects, and what follows from them."""

from dataclasses import dataclass
from typing import Any

from tests.e2e.cluster.api import Api, ApiError, Manifest
from tests.recount_dra import Objects, recount_both, recount_dra

GROUP = "/apis/resource.k8s.io"
DRA = f"{GROUP}/v1"
SLICES = f"{DRA}/resourceslices"
RULES = f"{DRA}/devicetaintrules"

VERSIONS = ("v1", "v1beta2", "v1beta1", "v1alpha3")


@dataclass(frozen=True)
class Seen:
    """What the apiserver has; pods and nodes only where they are asked for, since there may be many."""

    objects: Objects
    pods: list[Manifest]
    nodes: list[Manifest]

    @classmethod
    async def now(cls, api: Api, *, everything: bool = True) -> "Seen":
        """List each kind in the newest version that is served; one that isn't served has no objects."""
        kinds = ("resourceclaims", "resourceslices", "devicetaintrules")
        objects = Objects(*[await _newest(api, kind) for kind in kinds])
        return cls(objects, await api.pods(), await api.nodes()) if everything else cls(objects, [], [])

    def figures(self) -> dict[str, Any]:
        """Return the recount of all GPUs."""
        return recount_both(self.pods, self.nodes, self.objects)

    def devices(self) -> dict[str, Any]:
        """Return the recount of devices."""
        return recount_dra(self.pods, self.nodes, self.objects)


async def _newest(api: Api, kind: str) -> list[Manifest]:
    for version in VERSIONS:
        try:
            return await api.list_all(f"{GROUP}/{version}/{kind}")
        except ApiError as error:
            if error.status != 404:
                raise
    return []
