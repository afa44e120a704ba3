"""Kubernetes' own objects, quantities, taints and times, down to what Lens reads; and what a pod asks for."""
