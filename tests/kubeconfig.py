"""The kubeconfig of who reaches an apiserver of the tests."""

import json
from collections.abc import Mapping
from pathlib import Path

Fields = Mapping[str, object]


def write_kubeconfig(path: Path, server: str, user: Fields, cluster: Fields | None = None) -> Path:
    """Write it as JSON, which is YAML too; return the path.

    The user has a token, a tokenFile or the like. ``cluster`` is what else there is to say of the server,
    such as its CA.
    """
    path.write_text(json.dumps(_document(server, user, cluster)))
    return path


def _document(server: str, user: Fields, cluster: Fields | None = None) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "sim", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "lens", "user": dict(user)}],
        "contexts": [{"name": "sim", "context": {"cluster": "sim", "user": "lens"}}],
        "current-context": "sim",
    }
