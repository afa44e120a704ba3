"""Dynamic resource allocation in the fit engine: the devices, who holds them, and what claims may have.

The rules are kube-scheduler's: its plugin DynamicResources, and k8s.io/dynamic-resource-allocation v0.37.
"""
