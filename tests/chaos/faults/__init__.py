"""All faults: importing this room fills the list."""

from tests.chaos.faults import agents, apiserver, callers, credentials, names, network, replicas

__all__ = ["agents", "apiserver", "callers", "credentials", "names", "network", "replicas"]
