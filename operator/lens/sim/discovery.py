"""What the simulated apiserver says about itself."""

from lens.sim.resources import SERVED, Object

_VERBS = ["get", "list", "watch"]


def version() -> Object:
    """Return the body of /version; its build metadata names it as simulated."""
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


def core_versions() -> Object:
    """Return the body of /api."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups() -> Object:
    """Return the body of /apis: core/v1 alone is served."""
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}


def core_resources() -> Object:
    """Return the body of /api/v1."""
    resources = [
        {
            "name": resource.plural,
            "singularName": resource.kind.lower(),
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": _VERBS,
            "shortNames": list(resource.short_names),
        }
        for resource in SERVED.values()
    ]
    return {"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}
