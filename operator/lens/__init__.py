"""Lens: what a Kubernetes cluster's GPUs are doing right now, with the scheduler's own numbers."""

__version__ = "0.1.0"
