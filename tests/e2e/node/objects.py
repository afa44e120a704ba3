"""Every object that a cluster has, to tell what an installation leaves behind."""

from pathlib import Path

from tests.e2e.cluster.api import Api

Key = tuple[str, str, str]
"""Which resource, in which namespace, of which name."""

# What a cluster makes and forgets by itself.
PASSING = {"events", "componentstatuses"}


async def snapshot(kubeconfig: Path) -> set[Key]:
    """Return what there is of every resource that can be listed."""
    found: set[Key] = set()
    async with Api.from_kubeconfig(kubeconfig) as api:
        groups = [
            f"/apis/{group['preferredVersion']['groupVersion']}"
            for group in (await api.get("/apis"))["groups"]
        ]
        for group in ("/api/v1", *groups):
            for resource in (await api.get(group))["resources"]:
                name = resource["name"]
                if "list" not in resource["verbs"] or "/" in name or name in PASSING:
                    continue
                for item in await api.list_all(f"{group}/{name}"):
                    meta = item["metadata"]
                    found.add((f"{group}/{name}", meta.get("namespace", ""), meta["name"]))
    return found
