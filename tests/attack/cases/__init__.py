"""The attacks, by who does them. Importing this declares all of them."""

from tests.attack.cases import (
    apiserver,
    callers,
    connections,
    liars,
    logs,
    origins,
    stopping,
    streams,
    tenants,
)

__all__ = [
    "apiserver",
    "callers",
    "connections",
    "liars",
    "logs",
    "origins",
    "stopping",
    "streams",
    "tenants",
]
