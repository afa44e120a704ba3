"""The targets, by whose data they decode. Importing this declares all of them."""

from tests.fuzz.targets import (
    apiserver,
    callers,
    client,
    dra,
    fit,
    kubelet,
    kubernetes,
    mcp,
    peers,
    reach,
    settings,
    telemetry,
)

__all__ = [
    "apiserver",
    "callers",
    "client",
    "dra",
    "fit",
    "kubelet",
    "kubernetes",
    "mcp",
    "peers",
    "reach",
    "settings",
    "telemetry",
]
