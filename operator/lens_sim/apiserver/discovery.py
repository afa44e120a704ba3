"""API discovery of the simulated apiserver."""

from lens_sim.apiserver import status
from lens_sim.apiserver.served import Served
from lens_sim.objects.resources import Object

_VERBS = ["get", "list", "watch"]

VERSION: Object = {
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
"""The body of /version; its build metadata names it as simulated."""

CORE: Object = {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
"""The body of /api."""


def groups(served: Served) -> Object:
    """Return the body of /apis."""
    found = [_group(group, versions) for group, versions in served.groups() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def group(served: Served, name: str) -> Object:
    """Return the body of /apis/GROUP; StatusError 404."""
    versions = dict(served.groups()).get(name)
    if not name or versions is None:
        raise status.unknown_path()
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}


def resources(served: Served, group: str, version: str) -> Object:
    """Return the body of /api/VERSION, or /apis/GROUP/VERSION; StatusError 404."""
    found = served.resources(group, version)
    if not found:
        raise status.unknown_path()
    described = [
        {
            "name": resource.plural,
            "singularName": resource.kind.lower(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": _VERBS,
            "shortNames": list(resource.short_names),
        }
        for resource in found
    ]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": _group_version(group, version),
        "resources": described,
    }


def _group(name: str, versions: list[str]) -> Object:
    described = [{"groupVersion": _group_version(name, version), "version": version} for version in versions]
    return {"name": name, "versions": described, "preferredVersion": described[0]}


def _group_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version
