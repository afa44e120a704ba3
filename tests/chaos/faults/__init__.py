"""All faults: importing this room fills the list."""

from tests.chaos.faults import apiserver, callers, credentials, network, replicas

__all__ = ["apiserver", "callers", "credentials", "network", "replicas"]
