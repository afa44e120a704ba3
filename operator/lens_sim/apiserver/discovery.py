"""What the simulated apiserver says about itself."""

from collections.abc import Iterator
from itertools import groupby

from lens_sim.objects.resources import SERVED, Object, Resource

_VERBS = ["get", "list", "watch"]


def documents() -> Iterator[tuple[str, Object]]:
    """Give each path of discovery and its body."""
    yield "/version", _version()
    yield "/api", {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    groups = []
    for root, found in groupby(SERVED, lambda resource: resource.root):
        resources = list(found)
        yield root, _resources(resources)
        if resources[0].group:
            group = _group(resources[0])
            groups.append(group)
            yield f"/apis/{resources[0].group}", {"kind": "APIGroup", "apiVersion": "v1", **group}
    yield "/apis", {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _version() -> Object:
    """Make the body of /version; its build metadata names it as simulated."""
    return {
        "major": "1",
        "minor": "37",
        "gitVersion": "v1.37.2+simulated",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "",
    }


def _group(resource: Resource) -> Object:
    version = {"groupVersion": resource.api_version, "version": resource.version}
    return {"name": resource.group, "versions": [version], "preferredVersion": version}


def _resources(resources: list[Resource]) -> Object:
    described = [
        {
            "name": resource.plural,
            "singularName": resource.kind.lower(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": _VERBS,
            "shortNames": list(resource.short_names),
        }
        for resource in resources
    ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": resources[0].api_version,
        "resources": described,
    }
