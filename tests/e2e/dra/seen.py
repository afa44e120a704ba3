"""The cluster's raw objects, and what follows from them."""

from dataclasses import dataclass
from typing import Any

from tests.e2e.cluster.api import Api, ApiError, Manifest
from tests.recount_dra import Objects, recount_both, recount_dra

DRA = "/apis/resource.k8s.io/v1"
CLAIMS = f"{DRA}/resourceclaims"
SLICES = f"{DRA}/resourceslices"
RULES = f"{DRA}/devicetaintrules"


@dataclass(frozen=True)
class Seen:
    """What the apiserver has; pods and nodes only where they are asked for, since there may be many."""

    objects: Objects
    pods: list[Manifest]
    nodes: list[Manifest]

    @classmethod
    async def now(cls, api: Api, *, everything: bool = True) -> "Seen":
        """List one kind after another. A kind that isn't served has no objects."""
        claims, slices, rules = [await _served(api, each) for each in (CLAIMS, SLICES, RULES)]
        objects = Objects(claims, slices, rules)
        return cls(objects, await api.pods(), await api.nodes()) if everything else cls(objects, [], [])

    def figures(self) -> dict[str, Any]:
        """Return the recount of all GPUs."""
        return recount_both(self.pods, self.nodes, self.objects)

    def devices(self) -> dict[str, Any]:
        """Return the recount of devices."""
        return recount_dra(self.pods, self.nodes, self.objects)


async def _served(api: Api, collection: str) -> list[Manifest]:
    try:
        return await api.list_all(collection)
    except ApiError as error:
        if error.status != 404:
            raise
        return []
