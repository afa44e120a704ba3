"""The targets, by whose data they decode. Importing this declares all of them."""

from tests.fuzz.targets import callers, client, dra, fit, kubelet, kubernetes, peers, retry_after, telemetry

__all__ = ["callers", "client", "dra", "fit", "kubelet", "kubernetes", "peers", "retry_after", "telemetry"]
